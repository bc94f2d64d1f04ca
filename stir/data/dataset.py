"""A dataset split into training and test images; images in [0, 1]."""

from dataclasses import dataclass

import numpy as np

from stir.data.catalogue import dataset_facts
from stir.data.digits import load_digits
from stir.errors import InvalidInputError

LOADERS = {"digits": load_digits}


@dataclass(frozen=True)
class Split:
    """Images as they are stored, and their classes."""

    train_images: np.ndarray
    """(n, channels, height, width), integers from 0 to ``white_level``."""
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    white_level: int


def load_split(name: str, *, n_test: int, generator: np.random.Generator) -> Split:
    """Load a dataset and draw its test images at random.

    Raises
    ------
    InvalidInputError
        If the dataset is unknown, or does not have that many images.
    """
    facts = dataset_facts(name)
    if not 0 < n_test < facts.images:
        raise InvalidInputError(f"Expected n_test from 1 to {facts.images - 1} for dataset {name!r}; got {n_test}.")
    images, labels, white_level = LOADERS[name]()
    order = generator.permutation(len(images))
    test, train = np.sort(order[:n_test]), np.sort(order[n_test:])
    return Split(images[train], labels[train], images[test], labels[test], white_level)
