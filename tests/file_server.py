"""A web server on the loopback that has files, and answers by a script where a test says so."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Answer = Callable[[BaseHTTPRequestHandler], None]


class FileServer:
    """Serves files by name; answers each request with the next status or function of a script, then with 200."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        """Name -> what answers instead, in an odd way."""
        self.script: list[int | Answer] = []
        self.asked: list[str] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.http.server_port}/"

    def body(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        return self.files.get(name)

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path[1:]
                server.asked.append(name)
                status = server.answers.get(name) or (server.script.pop(0) if server.script else 200)
                if callable(status):
                    with suppress(OSError):  # whoever asked has gone
                        status(self)
                    return
                body = server.body(name) if status == 200 else b"no"
                self.send_response(404 if body is None else status)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler


@contextmanager
def serving(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serve on the loopback; failed downloads are tried again at once."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr("stir.downloads.RETRY_AFTER", (0.0, 0.0, 0.0))
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()
