"""Folders of real images, and a web server with files of datasets."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.file_server import FileServer, serving

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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serving(FileServer(), monkeypatch) as running:
        yield running


@pytest.fixture(scope="session")
def cifar10_jpeg() -> Path:
    """Return the path of CIFAR-10 (JPEG); skip the test if it is absent."""
    source = os.environ.get("STIR_CIFAR10_JPEG")
    if not source:
        pytest.skip("STIR_CIFAR10_JPEG names no folder or archive of CIFAR-10 as JPEG files")
    return Path(source)
