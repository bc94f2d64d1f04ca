"""Folders of real images, and a web server with files of datasets."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

DIGITS = load_digits()
GREY = np.round(DIGITS.images * (255 / 16)).astype(np.uint8)
NAMES = {0: "nought", 1: "one", 2: "two"}
"""Class -> its folder; the names are sorted."""


@pytest.fixture
def write_classes() -> Callable[..., dict[str, np.ndarray]]:
    """Give a function that writes digits as PNG files in a folder per class, and returns name -> pixels."""

    def write(folder: Path, n: int, classes: tuple[int, ...] = (0, 1, 2), first: int = 0) -> dict[str, np.ndarray]:
        written = {}
        for number in classes:
            (folder / NAMES[number]).mkdir(parents=True)
            for place, image in enumerate(GREY[DIGITS.target == number][first : first + n]):
                name = f"{NAMES[number]}/{place}.png"
                Image.fromarray(image).save(folder / name)
                written[name] = image
        return written

    return write


class FileServer:
    """Serves files by name; answers each request with the next status of a script, then with 200."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        """Name -> function that answers instead, in an unusual way."""
        self.script: list[int] = []
        self.asked: list[str] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.http.server_port}/"

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path[1:])
                if self.path[1:] in server.answers:
                    with suppress(OSError):  # whoever asked has gone
                        server.answers[self.path[1:]](self)
                    return
                body = server.files.get(self.path[1:])
                status = server.script.pop(0) if server.script else 200 if body is not None else 404
                content = body if status == 200 and body is not None else b"no"
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serve on the loopback; failed downloads are tried again at once."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda _seconds: None)
    running = FileServer()
    thread = threading.Thread(target=running.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.http.shutdown()
    thread.join()
    running.http.server_close()


@pytest.fixture(scope="session")
def cifar10_jpeg() -> Path:
    """Return the path of CIFAR-10 (JPEG); skip the test if it is absent."""
    source = os.environ.get("STIR_CIFAR10_JPEG")
    if not source:
        pytest.skip("STIR_CIFAR10_JPEG names no folder or archive of CIFAR-10 as JPEG files")
    return Path(source)
