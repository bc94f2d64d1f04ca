"""CIFAR-10 (JPEG), from the archive and from the folder."""

import tarfile
import time

import numpy as np
import pytest

from stir.data import cifar10_jpeg as module
from stir.data.cifar10_jpeg import load_cifar10_jpeg
from stir.data.dataset import load_split
from stir.errors import DatasetError


def load(source, random_seed=0, **settings):
    return load_split({"name": "cifar10_jpeg", **settings}, source=source, generator=np.random.default_rng(random_seed))


@pytest.fixture(scope="module")
def whole(cifar10_jpeg):
    began = time.process_time()
    return load(cifar10_jpeg), time.process_time() - began


def test_it_has_all_images_in_random_order_within_a_minute(whole):
    split, seconds = whole
    assert seconds < 60
    assert split.train_images.shape == (50000, 3, 32, 32)
    assert split.test_images.shape == (10000, 3, 32, 32)
    assert np.bincount(split.train_labels).tolist() == [5000] * 10
    assert np.bincount(split.test_labels).tolist() == [1000] * 10
    for labels in (split.train_labels, split.test_labels):
        assert np.bincount(labels[:500], minlength=10).min() > 25, "the first ones are a sample of all"


def test_the_images_are_those_of_their_classes(whole):
    split, _ = whole
    blue = split.train_images.mean(axis=(2, 3))
    share = blue[:, 2] / blue.sum(axis=1)
    of_class = {name: share[split.train_labels == number].mean() for number, name in enumerate(split.class_names)}
    assert {"airplane", "ship"} == set(sorted(of_class, key=of_class.get)[-2:]), "sky and sea are blue"


@pytest.mark.long
def test_the_unpacked_folder_gives_the_same(whole, cifar10_jpeg, tmp_path):
    if cifar10_jpeg.is_dir():
        pytest.skip("STIR_CIFAR10_JPEG names the folder")
    with tarfile.open(cifar10_jpeg) as archive:
        archive.extractall(tmp_path / "cifar10_jpeg", filter="data")
    split = load(tmp_path)
    np.testing.assert_array_equal(split.train_images, whole[0].train_images)
    np.testing.assert_array_equal(split.test_labels, whole[0].test_labels)


def test_what_is_missing_is_asked_for_by_its_variable(tmp_path):
    with pytest.raises(DatasetError, match=r"Expected CIFAR-10 as JPEG files at .*STIR_CIFAR10_JPEG or under dataset\.path"):
        load_cifar10_jpeg(tmp_path)


def test_other_files_are_refused(tmp_path, write_classes):
    write_classes(tmp_path / "train", 2)
    with pytest.raises(DatasetError, match=rf"fingerprint {module.FINGERPRINT}; got 6 with .*format: folder"):
        load_cifar10_jpeg(tmp_path)
