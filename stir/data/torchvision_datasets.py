"""CIFAR-10, CIFAR-100 and SVHN: torchvision's loaders, downloads and checksums.

Sources: Krizhevsky 2009, "Learning multiple layers of features from tiny images";
Netzer et al. 2011, "Reading digits in natural images with unsupervised feature learning".
"""

from pathlib import Path
from typing import Any

import numpy as np

from stir.data.collection import Collection, Part
from stir.data.downloads import download, locked

WHITE_LEVEL = 255


def load_cifar10(source: Path) -> Collection:
    """Return CIFAR-10 from the folder that contains ``cifar-10-batches-py``; download it if it is absent."""
    from torchvision.datasets import CIFAR10

    return _load_cifar(CIFAR10, source, "cifar10")


def load_cifar100(source: Path) -> Collection:
    """Return CIFAR-100 from the folder that contains ``cifar-100-python``; download it if it is absent."""
    from torchvision.datasets import CIFAR100

    return _load_cifar(CIFAR100, source, "cifar100")


def _load_cifar(kind: Any, source: Path, name: str) -> Collection:
    root = source.parent if source.name == kind.base_folder else _root(source, name, kind.base_folder)
    try:
        parts = [kind(root, train=train) for train in (True, False)]
    except RuntimeError:  # absent, truncated or altered
        with locked(root):
            download(kind.url, root / kind.filename, kind.tgz_md5, what=name)
            parts = [kind(root, train=train, download=True) for train in (True, False)]
    train, test = (Part.of_arrays(part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts)
    return Collection(train, test, WHITE_LEVEL, tuple(parts[0].classes))


def load_svhn(source: Path) -> Collection:
    """Return SVHN from the folder that contains ``train_32x32.mat`` and ``test_32x32.mat``; download absent files."""
    from torchvision.datasets import SVHN

    train, test = (_svhn_part(SVHN, source, split) for split in ("train", "test"))
    return Collection(train, test, WHITE_LEVEL, tuple(map(str, range(10))))


def _svhn_part(kind: Any, source: Path, split: str) -> Part:
    url, filename, md5 = kind.split_list[split]
    root = _root(source, "svhn", filename)
    try:
        part = kind(root, split)
    except RuntimeError:  # absent, truncated or altered
        with locked(root):
            download(url, root / filename, md5, what="svhn")
        part = kind(root, split)
    return Part.of_arrays(part.data, part.labels)


def _root(source: Path, name: str, marker: str) -> Path:
    """Return the folder of all datasets, or this dataset's folder in it, whichever contains the files."""
    return source / name if (source / name / marker).exists() else source
