"""Files of arrays are the same bit for bit each time, and explain themselves without this package."""

import errno
import platform
import time

import h5py
import numpy as np
import pytest
import torch

from stir.errors import ArtifactError
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.hdf5 import IMAGE_DIMS, Labelled, read_arrays, write_arrays
from stir_workflow.store.identity import Recipe
from tests.small_disk import small_disk

RECIPE = Recipe("iri", 1, {"layer": "stage3"}, {"checkpoint": "0123456789"})
IMAGES = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 2, 2)
ARRAYS = {
    "iri_images": Labelled(IMAGES, IMAGE_DIMS, "pixel value in [0, 1]"),
    "stage3/errors": Labelled(np.array([0.1, 0.2]), ("image",), "‖m1(X')−m1(X)‖₂"),
    "white_level": Labelled(np.asarray(16), (), "grey level"),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / f"iris-{RECIPE.key}.h5"
    with sealing(path, RECIPE) as temporary:
        write_arrays(temporary, ARRAYS, RECIPE, device="cpu", attributes={"experiment": "tiny"})
    return path


def test_two_writes_give_the_same_bytes_at_any_time(file, tmp_path):
    time.sleep(1.1)  # HDF5 counts time in seconds
    write_arrays(tmp_path / "again.h5", ARRAYS, RECIPE, device="cpu", attributes={"experiment": "tiny"})
    assert (tmp_path / "again.h5").read_bytes() == file.read_bytes()


def test_what_is_given_in_slices_is_written_as_an_array_is(file, tmp_path):
    sliced = ARRAYS | {"iri_images": Labelled(torch.from_numpy(IMAGES), IMAGE_DIMS, "pixel value in [0, 1]")}
    write_arrays(tmp_path / "again.h5", sliced, RECIPE, device="cpu", attributes={"experiment": "tiny"})
    assert (tmp_path / "again.h5").read_bytes() == file.read_bytes()


def test_plain_h5py_reads_values_labels_and_units(file):
    with h5py.File(file) as plain:
        images = plain["iri_images"]
        np.testing.assert_array_equal(images[()], IMAGES)
        assert images.dtype == np.float32
        assert [dim.label for dim in images.dims] == ["image", "channel", "height", "width"]
        assert images.attrs["unit"] == "pixel value in [0, 1]"
        assert plain["stage3/errors"].attrs["unit"] == "‖m1(X')−m1(X)‖₂"
        assert plain["white_level"][()] == 16


def test_plain_h5py_reads_where_it_comes_from(file):
    with h5py.File(file) as plain:
        assert Recipe.from_json(plain.attrs["recipe"]) == RECIPE
        assert plain.attrs["device"] == "cpu"
        assert "device_kind" not in plain.attrs, "datasets are the same wherever they are made"
        assert plain.attrs["experiment"] == "tiny"
        assert plain.attrs["python_version"] == platform.python_version()
        assert plain.attrs["numpy_version"] == np.__version__
        assert {"torch_version", "h5py_version", "stir_version"} <= set(plain.attrs)


def test_the_kind_of_device_is_told_where_it_is_given(tmp_path):
    write_arrays(tmp_path / "x.h5", ARRAYS, RECIPE, device="cuda", device_kind="NVIDIA H100 80GB HBM3")
    with h5py.File(tmp_path / "x.h5") as plain:
        assert plain.attrs["device_kind"] == "NVIDIA H100 80GB HBM3"


def test_arrays_come_back_as_they_were_in_the_order_asked(file):
    errors, images = read_arrays(file, "stage3/errors", "iri_images")
    np.testing.assert_array_equal(errors, [0.1, 0.2])
    np.testing.assert_array_equal(images, IMAGES)
    assert images.dtype == np.float32


def test_recipe_comes_back(file):
    with h5py.File(file) as opened:
        assert Recipe.from_json(str(opened.attrs["recipe"])).key == RECIPE.key


def test_an_array_that_is_not_there_is_named(file):
    with pytest.raises(ArtifactError, match=r"no array 'iri_image'; it has 'iri_images', 'stage3'"):
        read_arrays(file, "iri_image")


def test_an_altered_file_is_not_read(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match="SHA-256 differs"):
        read_arrays(file, "iri_images")


def test_more_labels_than_dimensions_are_refused(tmp_path):
    wrong = {"errors": Labelled(np.zeros(2), ("image", "layer"), "1")}
    with pytest.raises((IndexError, ValueError, RuntimeError)):
        write_arrays(tmp_path / "x.h5", wrong, RECIPE, device="cpu")


@pytest.mark.parametrize("kilobytes", [0, 8, 40, 60, 4096])
def test_a_full_disk_is_one_error_and_nothing_is_printed(tmp_path, capfd, kilobytes):
    """HDF5 prints errors that it cannot raise, for each object that it closes."""
    many = {f"array {number}": Labelled(IMAGES, IMAGE_DIMS, "") for number in range(64)}
    large = {"large": Labelled(np.zeros((64, 3, 100, 100)), IMAGE_DIMS, "")}
    with small_disk(tmp_path / "disk", 8192) as disk:
        (disk / "others").write_bytes(bytes((8192 - kilobytes) * 1024))
        for arrays in (many, large) if kilobytes < 64 else (large,):
            with pytest.raises(OSError) as refusal:
                write_arrays(disk / "new.h5", arrays, RECIPE, device="cpu")
            assert refusal.value.errno == errno.ENOSPC
    assert capfd.readouterr() == ("", "")
