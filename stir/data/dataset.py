"""A dataset split into training and test images, as integers from 0 to white."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stir.data.catalogue import COUNTS, IMAGE_FORMATS, SHIPPED, Counts, DatasetFacts, dataset_facts
from stir.data.cifar10_jpeg import load_cifar10_jpeg
from stir.data.collection import Collection, Part
from stir.data.decoding import BadImages
from stir.data.digits import load_digits
from stir.data.fashion_mnist import load_fashion_mnist
from stir.data.files import kind_of
from stir.data.imagenet import load_imagenet
from stir.data.own import load_own
from stir.data.photographs import load_photographs
from stir.data.ranges import check_range
from stir.data.torchvision_datasets import load_cifar10, load_cifar100, load_svhn
from stir.errors import DatasetError, InvalidInputError
from stir.names import shown

LOADERS: dict[str, Callable[[Path], Collection]] = {
    "digits": lambda _source: load_digits(),
    "fashion_mnist": load_fashion_mnist,
    "cifar10": load_cifar10,
    "cifar10_jpeg": load_cifar10_jpeg,
    "cifar100": load_cifar100,
    "svhn": load_svhn,
    "imagenet": load_imagenet,
    "photographs": lambda _source: load_photographs(),
}


@dataclass(frozen=True)
class Split:
    """Images as they are stored, and their classes."""

    train_images: np.ndarray
    """(n, channels, height, width), from 0 to ``white_level``."""
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    white_level: int
    class_names: tuple[str, ...] | None = None
    found: str = ""
    """The number of images per class in the source, and the files beside them."""


def load_split(settings: Mapping[str, Any], *, source: str | Path | None = None, generator: np.random.Generator) -> Split:
    """Load a dataset, select classes, and draw the test images and the order of all images at random.

    Parameters
    ----------
    settings : mapping
        ``name``; ``n_test``, which is optional if the dataset has a test part; optionally ``classes``,
        which are selected and renumbered in the given order.
    source : str or Path, optional
        The path that `stir.data.dataset_source` returned.
    generator : numpy.random.Generator
        Draws the test images and the order: the first n of either are a random sample of all.

    Raises
    ------
    InvalidInputError
        If the dataset is unknown, absent, damaged, differs from the settings, or does not have that many images.
    """
    facts = dataset_facts(settings)
    found = _found(settings, source).of_classes(settings.get("classes") or range(facts.classes))
    train, test = _drawn(settings, facts, found, generator)
    of_train, of_test = _read((found.train, train), (found.train if found.test is None else found.test, test))
    split = Split(
        *of_train,
        *of_test,
        white_level=found.white_level,
        class_names=found.class_names,
        found=found.summary(),
    )
    if settings.get("format") in IMAGE_FORMATS:
        for part, images in (("training", split.train_images), ("test", split.test_images)):
            check_range(images, split.white_level, f"{part} images of {shown(str(source))}", remedy="scale the images")
    return split


def _read(*drawn: tuple[Part, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return images and labels of each part; files that cannot be read are named together."""
    arrays, problems = list[tuple[np.ndarray, np.ndarray]](), list[str]()
    for part, numbers in drawn:
        try:
            arrays.append(part.images_and_labels(numbers))
        except BadImages as error:
            problems += error.problems
    if problems:
        raise BadImages(problems)
    return arrays


def _found(settings: Mapping[str, Any], source: str | Path | None) -> Collection:
    name = settings["name"]
    if source is None and name not in SHIPPED:
        raise DatasetError(f"Expected a path of dataset {name!r}; got none. Set dataset.path.")
    path = Path(source or ".")
    kind_of(path)  # says what cannot be looked at
    if "format" in settings:
        return load_own(settings, path)
    found = LOADERS[name](path)
    came = Counts(found.train.counts(), None if found.test is None else found.test.counts())
    if came != COUNTS[name]:
        raise DatasetError(
            f"Expected {_said(COUNTS[name])} of dataset {name!r}; got {_said(came)} from {shown(path)}. "
            "Some are missing, or it is another dataset; get it again."
        )
    return found


def _said(counts: Counts) -> str:
    """Return the number of images, and the smallest and largest number per class, as text."""
    parts = [("", counts.train), (" test", counts.test)] if counts.test else [("", counts.train)]
    return " and ".join(f"{sum(part)}{kind} images ({min(part)} to {max(part)} per class)" for kind, part in parts if part)


def _drawn(
    settings: Mapping[str, Any], facts: DatasetFacts, found: Collection, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the training images and of the test images."""
    order = generator.permutation(len(found.train))
    if found.test is not None:
        return order, generator.permutation(len(found.test))[: _n_test(settings, len(found.test), len(found.test))]
    n_test = _n_test(settings, len(found.train) - (not facts.test_only), None)
    test, train = order[:n_test], order[n_test:]
    if facts.test_only:
        return train[:0], test
    # Digits are sorted, as in earlier versions, so that they stay the same.
    return (np.sort(train), np.sort(test)) if settings["name"] == "digits" else (train, test)


def _n_test(settings: Mapping[str, Any], most: int, default: int | None) -> int:
    n_test = default if settings.get("n_test") is None else settings["n_test"]
    if n_test is None or not 0 < n_test <= most:
        raise InvalidInputError(f"Expected n_test from 1 to {most} for dataset {settings['name']!r}; got {n_test}.")
    return int(n_test)
