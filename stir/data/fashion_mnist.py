"""Fashion-MNIST: 70,000 grey pictures of clothes, 28x28, from IDX files, compressed or not.

Source: Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747. Debian's package dataset-fashion-mnist contains
the files in another compression, so the digests of their contents are checked.
"""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from stir.data.collection import Collection, Part
from stir.data.downloads import download, locked
from stir.errors import DatasetError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""File -> SHA-256 of its uncompressed content."""
MOST_BYTES = 16 + 60000 * 28 * 28 + 1


def load_fashion_mnist(source: Path) -> Collection:
    """Return Fashion-MNIST from a folder with its four files, or from Debian's package, or download it."""
    from torchvision.datasets import FashionMNIST

    raw = source / "FashionMNIST" / "raw"
    folders = [folder for folder in (source, source / "fashion_mnist", raw, DEBIAN) if _has_all(folder)]
    if not folders:
        with locked(raw):
            for filename, md5 in FashionMNIST.resources:
                download(FashionMNIST.mirrors[0] + filename, raw / filename, md5, what="fashion_mnist")
    train, test = (_part((folders or [raw])[0], prefix) for prefix in ("train", "t10k"))
    return Collection(train, test, 255, tuple(FashionMNIST.classes))


def _has_all(folder: Path) -> bool:
    return all((folder / name).is_file() or (folder / f"{name}.gz").is_file() for name in SHA256)


def _part(folder: Path, prefix: str) -> Part:
    """Read images after a header of 16 bytes, and labels after one of 8 bytes."""
    images = np.frombuffer(_content(folder, f"{prefix}-images-idx3-ubyte"), dtype=np.uint8, offset=16)
    labels = np.frombuffer(_content(folder, f"{prefix}-labels-idx1-ubyte"), dtype=np.uint8, offset=8)
    return Part.of_arrays(images.reshape(-1, 1, 28, 28), labels)


def _content(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        with path.open("rb") if path.is_file() else gzip.open(path := folder / f"{name}.gz") as file:
            content = file.read(MOST_BYTES)  # a compressed file can contain gigabytes more
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"Cannot read {path}: {error}. Remove it, and it is downloaded again.") from error
    if (came := hashlib.sha256(content).hexdigest()) != SHA256[name]:
        raise DatasetError(
            f"Expected Fashion-MNIST's {name}, SHA-256 {SHA256[name]} of its content; got {came} in {path}. "
            "It is truncated or altered; remove it, and it is downloaded again."
        )
    return content
