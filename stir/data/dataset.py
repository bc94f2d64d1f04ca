"""A dataset split into training and test images, as integers from 0 to white."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stir.data.catalogue import dataset_facts
from stir.data.cifar10_jpeg import load_cifar10_jpeg
from stir.data.collection import Collection
from stir.data.digits import load_digits
from stir.errors import InvalidInputError

LOADERS: dict[str, Callable[[Path], Collection]] = {
    "digits": lambda _source: load_digits(),
    "cifar10_jpeg": load_cifar10_jpeg,
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


def load_split(settings: Mapping[str, Any], *, source: str | Path | None = None, generator: np.random.Generator) -> Split:
    """Load a dataset, keep its classes of interest, and draw test images and the order of all at random.

    Parameters
    ----------
    settings : mapping
        ``name``; ``n_test``, which may be left out if the dataset has a test part; perhaps ``classes``,
        which are kept and numbered anew in the given order.
    source : str or Path, optional
        What `stir.data.dataset_source` returned.
    generator : numpy.random.Generator
        Draws the test images and the order: the first n of either are a random sample of all.

    Raises
    ------
    InvalidInputError
        If the dataset is unknown, absent, damaged, not what the settings say, or does not have that many images.
    """
    facts = dataset_facts(settings)
    found = LOADERS[settings["name"]](Path(source or "."))
    classes = settings.get("classes") or list(range(facts.classes))
    found = found.of_classes(classes)
    train, test = _drawn(settings, found, generator)
    return Split(
        *found.train.images_and_labels(train),
        *(found.test or found.train).images_and_labels(test),
        white_level=found.white_level,
        class_names=found.class_names,
    )


def _drawn(settings: Mapping[str, Any], found: Collection, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the training images and of the test images."""
    order = generator.permutation(len(found.train))
    if found.test is not None:
        n_test = _checked(settings, len(found.test), settings.get("n_test", len(found.test)))
        return order, generator.permutation(len(found.test))[:n_test]
    n_test = _checked(settings, len(found.train) - 1, settings.get("n_test"))
    test, train = order[:n_test], order[n_test:]
    # The digits were in random order before; sorted as they have always been, they stay the same.
    return (np.sort(train), np.sort(test)) if settings["name"] == "digits" else (train, test)


def _checked(settings: Mapping[str, Any], most: int, n_test: int | None) -> int:
    if n_test is None or not 0 < n_test <= most:
        raise InvalidInputError(f"Expected n_test from 1 to {most} for dataset {settings['name']!r}; got {n_test}.")
    return n_test
