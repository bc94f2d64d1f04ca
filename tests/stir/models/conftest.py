"""A model to fill, the weights of another, and a web server that follows a script."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pooch
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.file_server import FileServer, serving


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


class WeightsServer(FileServer):
    """Serves one content under every name."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.url += "weights.safetensors"

    def body(self, name: str) -> bytes:
        return self.content


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, safetensors_file: Path) -> Iterator[WeightsServer]:
    """Serve the weights; downloads are cached in the test's own folder."""
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    with serving(WeightsServer(safetensors_file.read_bytes()), monkeypatch) as running:
        yield running
