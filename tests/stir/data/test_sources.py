"""Where a dataset is looked for: path before variable before folder."""

from pathlib import Path

import pytest

from stir.data import DATASETS, dataset_source
from stir.data.catalogue import SHIPPED
from stir.errors import InvalidInputError

BOTH = {"STIR_DATA": "/all", "STIR_CIFAR10_JPEG": "/jpegs.tar.xz"}


def test_a_path_comes_first():
    assert dataset_source({"name": "cifar10_jpeg", "path": "mine"}, BOTH) == "mine"
    assert dataset_source({"name": "svhn", "path": "~/mine"}, BOTH) == str(Path("~/mine").expanduser())


def test_a_variable_names_the_jpeg_files_and_another_the_folder_of_all():
    assert dataset_source({"name": "cifar10_jpeg"}, BOTH) == "/jpegs.tar.xz"
    assert dataset_source({"name": "cifar10_jpeg"}, {"STIR_DATA": "/all", "STIR_CIFAR10_JPEG": ""}) == "/all"
    assert dataset_source({"name": "cifar10"}, BOTH) == "/all"


@pytest.mark.parametrize("name", sorted(DATASETS.keys() - set(SHIPPED)))
def test_without_either_it_is_the_projects_folder(name):
    assert dataset_source({"name": name}, {}) == "data/downloads"


@pytest.mark.parametrize("name", SHIPPED)
def test_what_packages_ship_is_looked_for_nowhere(name):
    assert dataset_source({"name": name}, BOTH) is None


def test_data_of_ones_own_have_a_path():
    with pytest.raises(InvalidInputError, match="'mine' is data of your own: expected the key path"):
        dataset_source({"name": "mine", "format": "folder"}, BOTH)
