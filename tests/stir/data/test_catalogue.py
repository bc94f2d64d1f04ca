"""Facts about a dataset that a plan uses before any file is accessed."""

import subprocess
import sys
from dataclasses import replace

import pytest

from stir.data import DATASETS, dataset_facts
from stir.data.catalogue import COUNTS, FORMATS, IMAGE_FORMATS
from stir.data.dataset import LOADERS
from stir.data.own import ARRAY_READERS, KINDS
from stir.errors import InvalidInputError

OWN = {"name": "mine", "format": "hdf5", "image_shape": [3, 16, 24], "n_classes": 5, "fingerprint": "0" * 64}


def refused(settings, match):
    with pytest.raises(InvalidInputError, match=match):
        dataset_facts(settings)


def test_every_dataset_has_a_loader_and_every_format_a_reader():
    assert LOADERS.keys() == DATASETS.keys() == COUNTS.keys()
    assert {*ARRAY_READERS, *IMAGE_FORMATS} == KINDS.keys() == set(FORMATS)


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("cifar10", 50000, 10000), ("cifar100", 50000, 10000), ("svhn", 73257, 26032), ("digits", 1797, 0)],
)
def test_the_number_of_images_is_the_published_one(name, train, test):
    facts = dataset_facts({"name": name})
    assert facts.images == train + test
    assert facts.n_test_default == (test or None)


def test_classes_reduce_classes_and_images():
    facts = dataset_facts({"name": "svhn", "classes": [1, 0]})
    assert (facts.classes, facts.images, facts.n_test_default) == (2, 13861 + 5099 + 4948 + 1744, 5099 + 1744)
    assert replace(facts, images=0, n_test_default=0, classes=0) == replace(
        DATASETS["svhn"], images=0, n_test_default=0, classes=0
    )


def test_all_classes_are_as_good_as_none_named():
    assert dataset_facts({"name": "cifar10", "classes": list(range(10))}) == dataset_facts({"name": "cifar10", "classes": None})


def test_only_photographs_of_imagenets_size_have_nothing_to_train_on():
    assert [name for name, facts in DATASETS.items() if facts.test_only] == ["imagenet", "photographs"]
    assert dataset_facts({"name": "imagenet", "classes": [3, 4]}).test_only


def test_of_data_of_ones_own_only_the_files_know_how_many_there_are():
    facts = dataset_facts(OWN)
    assert (facts.images, facts.n_test_default) == (None, None)
    assert (facts.channels, facts.height, facts.width, facts.classes) == (3, 16, 24, 5)
    assert dataset_facts({**OWN, "classes": [4, 0]}).classes == 2


def test_an_unknown_name_is_refused_with_near_matches_and_the_keys_for_ones_own():
    refused({"name": "cifar-10"}, r"'cifar-10'\. Did you mean .*'cifar10'.*keys format, path, image_shape, n_classes\.")


@pytest.mark.parametrize("key", ["format", "image_shape", "n_classes"])
def test_data_of_ones_own_say_all_that_is_needed(key):
    settings = {name: value for name, value in OWN.items() if name not in (key, "fingerprint")}
    refused(settings, key if key != "format" else "Unknown dataset 'mine'")


@pytest.mark.parametrize("settings", [{"resize": 24}, {"crop": "center"}, {"convert": "rgb"}])
def test_only_image_files_of_ones_own_are_prepared(settings):
    (key,) = settings
    refused({**OWN, **settings}, f"Expected {key} with images in a folder or archive; dataset 'mine' has the format hdf5")
    refused({"name": "cifar10", **settings}, f"known one, whose {key} cannot be set")
    assert dataset_facts({**OWN, "format": "folder", "resize": [16, 24], "crop": "center", "convert": "rgb"}).height == 16


@pytest.mark.parametrize("shape", [[16, 16], "3x16x16", [3, 16, 0], [3, 16, 16.0], None])
def test_a_shape_is_three_sizes(shape):
    refused({**OWN, "image_shape": shape}, r"image_shape \[channels, height, width\] of dataset 'mine'; got")


@pytest.mark.parametrize("n_classes", [0, "five", 2.0])
def test_a_number_of_classes_is_a_number(n_classes):
    refused({**OWN, "n_classes": n_classes}, "Expected n_classes of dataset 'mine', a number from 1")


def test_a_format_that_is_none():
    refused({**OWN, "format": "hdf"}, r"Unknown format 'hdf' of dataset 'mine'\. Did you mean 'hdf5'\?")


def test_a_known_name_is_not_taken_for_ones_own_nor_described_anew():
    refused({**OWN, "name": "svhn"}, "'svhn' is the name of a known dataset")
    refused({"name": "svhn", "n_classes": 9}, "'svhn' is a known one, whose n_classes cannot be set")


@pytest.mark.parametrize("classes", [[], [0, 0], [10], [-1], ["cat"], 3])
def test_classes_that_are_not_there(classes):
    refused({"name": "cifar10", "classes": classes}, "Expected classes of dataset 'cifar10': different numbers from 0 to 9; got")


def test_facts_need_no_heavy_import():
    code = "import sys; from stir.data import dataset_facts; dataset_facts({'name': 'cifar10'}); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "stir.data.catalogue" in modules
    assert not {"numpy", "PIL", "h5py", "torch"} & set(modules)
