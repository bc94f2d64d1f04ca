"""A model to fill, the weights of another, and a web server that follows a script."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn


def _small_model(random_seed: int) -> nn.Sequential:
    torch.manual_seed(random_seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 3))


@pytest.fixture
def model() -> nn.Sequential:
    return _small_model(0)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    """Of the same architecture; none is what the model has."""
    other = _small_model(1)
    other[1].running_mean.fill_(0.5)
    other[1].running_var.fill_(2)
    other[1].num_batches_tracked.fill_(3)
    other[1].weight.data.fill_(0.7)
    other[1].bias.data.fill_(0.1)
    return {name: value.clone() for name, value in other.state_dict().items()}


@pytest.fixture
def safetensors_file(tmp_path: Path, weights: dict[str, Tensor]) -> Path:
    save_file(weights, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


class Server:
    """Serves one content; answers each request with the next status or function of a script, then with 200."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.script: list[int | Callable[[BaseHTTPRequestHandler], None]] = []
        self.requests = 0
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.http.server_port}/weights.safetensors"

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests += 1
                status = server.script.pop(0) if server.script else 200
                if callable(status):
                    with contextlib.suppress(OSError):  # the client has left
                        status(self)
                    return
                body = server.content if status == 200 else b"no"
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, safetensors_file: Path) -> Iterator[Server]:
    """Serve the weights on the loopback; downloads are cached in the test's own folder, and retried at once."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setattr("stir.models.downloads.RETRY_AFTER", (0.0, 0.0, 0.0))
    running = Server(safetensors_file.read_bytes())
    thread = threading.Thread(target=running.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.http.shutdown()
    thread.join()
    running.http.server_close()
