"""Read images and labels of a dataset artifact, in [0, 1]."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stir.hdf5 import opened
from stir_workflow.store.artifacts import checked
from stir_workflow.store.hdf5 import read_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from stir.stored_images import StoredImages


def read_pixels(path: Path, split: str, *, first: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the (first) images of a split, (n, c, h, w) in [0, 1], and their class numbers."""
    images, labels, white_level = read_arrays(path, f"{split}_images", f"{split}_labels", "white_level")
    return images[:first].astype(np.float32) / np.float32(white_level), labels[:first]


@contextmanager
def opened_images(path: Path, split: str, *, first: int | None = None) -> "Iterator[tuple[StoredImages, Tensor]]":
    """Give the same images, read from the file as they are needed, and their class numbers."""
    import torch

    from stir.stored_images import StoredImages

    labels, white_level = read_arrays(path, f"{split}_labels", "white_level")
    with opened(path) as file:
        yield StoredImages(file[f"{split}_images"], white_level=float(white_level), first=first), torch.from_numpy(labels[:first])


def read_images(path: Path, split: str, *, first: int | None = None) -> "tuple[Tensor, Tensor]":
    """Return the same as tensors."""
    import torch

    images, labels = read_pixels(path, split, first=first)
    return torch.from_numpy(images), torch.from_numpy(labels)


def read_class_names(path: Path) -> tuple[str, ...] | None:
    """Return the names of a dataset's classes; None if they are not known."""
    with opened(checked(path)) as file:
        return tuple(file["class_names"].asstr()[()]) if "class_names" in file else None
