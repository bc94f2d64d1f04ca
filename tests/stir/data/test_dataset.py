"""Splits of real images are complete, disjoint, and determined by the generator."""

import numpy as np
import pytest
from sklearn.datasets import load_digits as scikit_learns

from stir.data import dataset_facts
from stir.data.dataset import load_split
from stir.errors import InvalidInputError


def _split(n_test=297, random_seed=0):
    return load_split({"name": "digits", "n_test": n_test}, generator=np.random.default_rng(random_seed))


def _rows(images, labels):
    """Images with their labels, each a tuple, sorted."""
    return sorted((*image.ravel().tolist(), int(label)) for image, label in zip(images, labels, strict=True))


def test_images_are_scikit_learns_and_keep_their_labels():
    split, original = _split(), scikit_learns()
    together = np.concatenate([split.train_images, split.test_images]), np.concatenate([split.train_labels, split.test_labels])
    assert _rows(*together) == _rows(original.images.astype(int), original.target)


def test_training_and_test_images_are_disjoint():
    split = _split()
    train, test = ({image.tobytes() for image in images} for images in (split.train_images, split.test_images))
    assert len(train | test) == 1797, "no two digits are the same image"
    assert not train & test


@pytest.mark.parametrize("n_test", [1, 297, 1796])
def test_the_number_of_test_images_is_as_asked(n_test):
    split = _split(n_test)
    assert len(split.test_images) == len(split.test_labels) == n_test
    assert len(split.train_images) == len(split.train_labels) == 1797 - n_test


@pytest.mark.parametrize("n_test", [-1, 0, 1797, 1798])
def test_a_split_without_training_or_test_images_is_refused(n_test):
    with pytest.raises(InvalidInputError, match=rf"n_test from 1 to 1796 for dataset 'digits'; got {n_test}\."):
        _split(n_test)


def test_the_generator_determines_the_split_and_numpys_global_state_does_not():
    before = np.random.get_state()[1].copy()
    first, again, other = _split(random_seed=1), _split(random_seed=1), _split(random_seed=2)
    np.testing.assert_array_equal(first.test_images, again.test_images)
    np.testing.assert_array_equal(first.train_labels, again.train_labels)
    assert (first.test_images != other.test_images).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_every_class_is_in_a_random_test_set():
    counts = np.bincount(_split().test_labels, minlength=10)
    assert counts.min() > 10
    assert len(counts) == 10


def test_pixels_are_integers_from_zero_to_white():
    split = _split()
    for images in (split.train_images, split.test_images):
        assert images.dtype == np.uint8
        assert (images.min(), images.max()) == (0, split.white_level)


def test_the_facts_of_the_digits_are_those_of_the_data():
    split, facts = _split(), dataset_facts({"name": "digits"})
    assert len(split.train_images) + len(split.test_images) == facts.images
    assert split.train_images.shape[1:] == (facts.channels, facts.height, facts.width)
    assert set(split.train_labels.tolist()) == set(range(facts.classes))
    assert facts.n_test_default is None


def test_an_unknown_dataset_is_refused_with_near_matches():
    with pytest.raises(InvalidInputError, match=r"dataset 'digit'\. Did you mean 'digits'\?"):
        load_split({"name": "digit", "n_test": 10}, generator=np.random.default_rng(0))
