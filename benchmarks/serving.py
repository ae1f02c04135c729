"""What a server of ``docs/programs/server.py`` answers in a second, and after how long.

Clients, each in a thread of its own, send one image again and again; all wait for their answers::

    MODEL=DIR PREDICTORS=2 uvicorn --app-dir docs/programs server:app --port 8000 &
    python benchmarks/serving.py http://127.0.0.1:8000/classify IMAGE --clients 1,4,16

prints a line of JSON for each number of clients. The clients need the processor too: give them and
the server cores of their own (``taskset``).
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from pathlib import Path

import requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("image", type=Path)
    parser.add_argument("--clients", default="1,4,16", metavar="N,…")
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    image = args.image.read_bytes()
    measure(args.url, image, 1, min(args.seconds, 3.0))  # what is built at the first calls
    for clients in map(int, args.clients.split(",")):
        print(json.dumps(measure(args.url, image, clients, args.seconds)), flush=True)


def measure(url: str, image: bytes, clients: int, seconds: float) -> dict[str, float]:
    """Requests a second, and the median and the 95th percentile of their milliseconds."""
    times: list[float] = []
    failed: list[Exception] = []
    start = time.perf_counter()

    def ask() -> None:
        try:
            with requests.Session() as session:
                while time.perf_counter() - start < seconds:
                    sent = time.perf_counter()
                    session.post(url, data=image, timeout=60).raise_for_status()
                    times.append(1000 * (time.perf_counter() - sent))
        except requests.RequestException as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    if failed:
        raise SystemExit(f"{url}: {failed[0]}")
    return {
        "clients": clients,
        "requests_per_second": round(len(times) / took, 1),
        "median_ms": round(statistics.median(times), 1),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
    }


if __name__ == "__main__":
    main()
