"""The download of CIFAR-10, from a server of our own."""

import contextlib
import hashlib
import http.server
import socketserver
import threading
import time

import pytest

from paddleclas_octconv.common import download as downloads
from paddleclas_octconv.common.download import Checksum, download
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data import cifar10

CONTENT = bytes(range(256)) * 8192
MD5 = hashlib.md5(CONTENT).hexdigest()
KNOWN = Checksum("md5", MD5)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; drops the connection after `server.drop_after` bytes once."""

    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        start = 0
        asked = self.headers.get("Range")
        if asked and self.server.ranges:
            start = int(asked[len("bytes=") : -1])
        self.server.starts.append(start)
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end, self.server.drop_after = self.server.drop_after, None
        self.wfile.write(CONTENT[start:end])
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.ranges, server.drop_after, server.starts = True, None, []
        server.url = f"http://127.0.0.1:{server.server_port}/archive.tar.gz"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_file_arrives_whole(server, tmp_path):
    download(server.url, tmp_path / "a", KNOWN)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_partial_file_is_continued(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT[:1000])
    download(server.url, tmp_path / "a", KNOWN)
    assert server.starts == [1000]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_lost_connection_is_taken_up_again(server, tmp_path):
    server.drop_after = 1 << 20
    download(server.url, tmp_path / "a", KNOWN)
    assert server.starts[0] == 0 and server.starts[1] > 0
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_start(server, tmp_path):
    server.ranges = False
    (tmp_path / "a.part").write_bytes(b"stale")
    download(server.url, tmp_path / "a", KNOWN)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_partial_file_that_is_whole_is_taken(server, tmp_path):
    (tmp_path / "a.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "a", KNOWN)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_another_file_is_refused_and_removed(server, tmp_path):
    with pytest.raises(OctConvError, match=f"has MD5 {MD5} instead of"):
        download(server.url, tmp_path / "a", Checksum("md5", "0" * 32))
    assert list(tmp_path.iterdir()) == []


HOSTILE = {
    "drips its header": (b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.1),
    "answers 100 for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    "drips the size of a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0",
        0.1,
    ),
    "drips its content": (b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.1),
    "says nothing": (b"", b"", 0.1),
    "sends without end": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0),
}
ODD = {
    "Content-Length: \u00b2": None,
    f"Content-Length: {'9' * 5000}": None,
    "Content-Length: -5": None,
    "Location: http://[": "cannot download",
    "Location: file:///etc/passwd": "cannot download",
    "Location: http://\udc80.\u00e9:99999/": "cannot download",
    "Content-Encoding: gzip": None,
}


@pytest.fixture
def answers():
    """Starts a server that answers every connection by bytes, and then by others for ever."""
    servers = []

    def start(first: bytes, then: bytes = b"", interval: float = 0.0) -> str:
        class Answer(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    self.request.recv(65536)
                    self.request.sendall(first)
                    while interval or then:
                        self.request.sendall(then)
                        time.sleep(interval)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, block_on_close = True, False

        servers.append(Server(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/a"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("how", HOSTILE)
@pytest.mark.timeout(30)
def test_a_server_that_never_ends_is_given_up(answers, tmp_path, monkeypatch, how):
    monkeypatch.setattr(downloads, "_PATIENCE", 0.6)
    monkeypatch.setattr(downloads, "_TRIES", 2)
    with pytest.raises(
        OctConvError, match="cannot download .* seconds|more than the 1,000,000 bytes"
    ):
        download(answers(*HOSTILE[how]), tmp_path / "a", None, most=1_000_000)
    assert not (tmp_path / "a").exists()


def test_a_slow_server_has_a_day(answers, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_LONGEST", 0.5)
    with pytest.raises(OctConvError, match="cannot download .* seconds"):
        download(answers(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096, 0.01), tmp_path / "a", None)


@pytest.mark.parametrize("header", ODD)
def test_odd_headers_end_in_one_line(answers, tmp_path, header):
    status = "302 Found" if header.startswith("Location") else "200 OK"
    lines = f"HTTP/1.1 {status}\r\n{header}\r\nConnection: close\r\n\r\n"
    address = answers(lines.encode("utf-8", "surrogateescape") + CONTENT)
    if ODD[header] is None:
        download(address, tmp_path / "a", KNOWN)
        assert (tmp_path / "a").read_bytes() == CONTENT
        return
    with pytest.raises(OctConvError, match=ODD[header]):
        download(address, tmp_path / "a", KNOWN)


def test_a_missing_file_is_one_clear_line(server, tmp_path):
    url = server.url.replace("archive.tar.gz", "missing")
    with pytest.raises(OctConvError, match="404 Not Found.*check the network$") as caught:
        download(url, tmp_path / "a", KNOWN)
    assert "\n" not in str(caught.value)


def test_no_network_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    with pytest.raises(OctConvError, match="cannot download .*refused.*--source"):
        cifar10.prepare(tmp_path / "cifar10")
    assert not (tmp_path / "cifar10").exists()
