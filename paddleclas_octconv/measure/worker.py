"""A process of its own for a network, so that memory, threads and crashes are its own too.

The parent sends one JSON line, ``[operation, arguments]``, and gets one back,
``{"result": …}`` or ``{"error": message}``. ``Worker`` is the parent's end, ``serve`` the
child's (``python -m paddleclas_octconv.measure.worker``).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

from ..common import machine
from ..common.errors import OctConvError


class Worker:
    """A process that holds one network; ``call`` runs one of ``Operations`` in it."""

    def __init__(self, threads: int, **environ: str) -> None:
        self._log = tempfile.TemporaryFile(  # noqa: SIM115 (closed in close)
            "w+", encoding="utf-8", errors="replace"
        )
        self._read = 0  # bytes of the log that `said` has returned
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env={
                **machine.cpu_environment(),
                **os.environ,
                "OMP_NUM_THREADS": str(threads),
                "GLOG_minloglevel": "2",
                **environ,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def call(self, operation: str, **arguments: Any) -> Any:
        """The result of an operation. Raises OctConvError if it fails."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps([operation, arguments]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            said = self._log.read().strip().splitlines()
            raise OctConvError(
                f"{operation}: its process ended with code {self._process.wait()}"
                + (f": {said[-1]}" if said else "")
            )
        reply = json.loads(line)
        if "error" in reply:
            raise OctConvError(reply["error"])
        return reply["result"]

    def said(self) -> str:
        """What the process, libraries included, printed since this was asked last."""
        self.call("flush")
        start, self._read = self._read, os.fstat(self._log.fileno()).st_size
        # The process writes where this file stands: look without moving it.
        return os.pread(self._log.fileno(), self._read - start, start).decode(errors="replace")

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception) -> None:
        self.close()


class Operations:
    """What a worker can do. Sizes are in pixels, times in seconds, memory in bytes."""

    def __init__(self) -> None:
        self.step: Callable[[], None] | None = None

    def describe(self, name: str, options: dict, image_size: int) -> dict:
        """Parameters, multiply-adds and the twin's name of a network."""
        from .. import registry
        from ..backbones.catalogue import CATALOGUE
        from . import complexity

        counted = complexity.measure(registry.build(name, **options), (3, image_size, image_size))
        twin = CATALOGUE[name].twin if name in CATALOGUE else None
        return {**counted._asdict(), "twin": twin}

    def describe_folder(self, folder: str) -> dict:
        """Total parameters and multiply-adds of an exported model."""
        from . import program

        loaded = program.load(folder)
        return {
            "total_parameters": loaded.total_parameters,
            "multiply_adds": loaded.multiply_adds(),
        }

    def export(self, name: str, options: dict, image_size: int, deploy: bool, folder: str) -> None:
        """Export a network with random weights."""
        from .. import registry
        from ..deploy import network

        net = registry.build(name, **options)
        if deploy:
            network.re_parameterize(net)
        network.save(net, folder, [3, image_size, image_size])

    def to_onnx(self, folder: str, image_shape: list[int]) -> float:
        """Add ``inference.onnx`` to an exported folder; how far it is from Paddle Inference."""
        from ..deploy import to_onnx

        return to_onnx.convert(Path(folder), image_shape)

    def load(self, folder: str, image_size: int, batch_size: int, **options: Any) -> None:
        """Open an exported folder; a step is one prediction, input and output included."""
        import numpy as np

        from ..deploy import predictor

        opened = predictor.create_predictor(folder, **options)
        shape = [batch_size, 3, image_size, image_size]
        images = np.random.RandomState(0).standard_normal(shape).astype("float32")
        self.step = lambda: predictor.run(opened, images)

    def train(
        self, name: str, options: dict, image_size: int, batch_size: int, gpu: bool, precision: str
    ) -> None:
        """Build a network; a step is forward, backward and an update by Adam."""
        import paddle

        from .. import registry
        from ..deploy.predictor import demand_gpu

        if precision != "fp32" and not gpu:
            raise OctConvError(f"precision {precision!r}: training on a CPU is measured in fp32")
        if gpu:
            demand_gpu()
        paddle.set_device("gpu" if gpu else "cpu")
        net = registry.build(name, **options)
        net.train()
        optimizer = paddle.optimizer.Adam(0.001, parameters=net.parameters())
        paddle.seed(0)
        images = paddle.randn([batch_size, 3, image_size, image_size])
        labels = paddle.randint(0, 10, [batch_size])
        scaler = paddle.amp.GradScaler(enable=precision == "fp16")

        def step() -> None:
            with _auto_cast(precision):
                loss = paddle.nn.functional.cross_entropy(net(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.clear_grad()
            if gpu:
                paddle.device.synchronize()

        self.step = step

    def time(self, skipped: int, counted: int) -> list[float]:
        """The duration of ``counted`` steps in a row, after ``skipped`` others."""
        for _ in range(skipped):
            self.step()
        durations = []
        for _ in range(counted):
            start = time.perf_counter()
            self.step()
            durations.append(time.perf_counter() - start)
        return durations

    def flush(self) -> None:
        """Write out what libraries have printed."""
        ctypes.CDLL(None).fflush(None)

    def memory(self, gpu: bool) -> int:
        """The most memory the process has held so far, of the GPU if ``gpu``."""
        if gpu:
            import paddle

            return paddle.device.cuda.max_memory_reserved()
        if os.path.exists("/proc/self/status"):
            with open("/proc/self/status", encoding="ascii", errors="replace") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1]) * 1024
        import psutil

        info = psutil.Process().memory_info()
        return getattr(info, "peak_wset", info.rss)


def _auto_cast(precision: str):
    """PaddleClas's AMP level O1 for a precision below float32."""
    import paddle

    if precision == "fp32":
        return contextlib.nullcontext()
    dtype = {"fp16": "float16", "bf16": "bfloat16"}[precision]
    return paddle.amp.auto_cast(level="O1", dtype=dtype)


def serve() -> None:
    """Answer requests until standard input ends; what else is printed goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    operations = Operations()
    for line in sys.stdin:
        operation, arguments = json.loads(line)
        try:
            reply = {"result": getattr(operations, operation)(**arguments)}
        except OctConvError as error:
            reply = {"error": str(error)}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    serve()
