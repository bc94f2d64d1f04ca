"""HDF5 files whose values are in other files, or missing, are refused, since the fingerprint covers only the file."""

import os

import h5py
import numpy as np
import pytest

from stir.data.dataset import load_split
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError
from tests.stir.data.conftest import DIGITS, GREY

IMAGES, LABELS = GREY[:300], DIGITS.target[:300]


@pytest.fixture
def path(tmp_path):
    """A file with labels, and one beside it with images."""
    with h5py.File(tmp_path / "beside.hdf5", "w") as file:
        file["images"] = IMAGES
    with h5py.File(tmp_path / "mine.hdf5", "w") as file:
        file["labels"] = LABELS
    return tmp_path / "mine.hdf5"


def load(path):
    described = {"name": "mine", "format": "hdf5", "image_shape": [1, 8, 8], "n_classes": 10, "n_test": 100}
    described["fingerprint"] = fingerprint(path)
    return load_split(described, source=path, generator=np.random.default_rng(0))


def refused(path, match):
    with pytest.raises(DatasetError, match=match) as error:
        load(path)
    assert "\n" not in str(error.value)


def virtual(file, beside):
    layout = h5py.VirtualLayout(IMAGES.shape, "u1")
    layout[:] = h5py.VirtualSource(beside, "images", IMAGES.shape)
    file.create_virtual_dataset("images", layout)


def external_link(file, beside):
    file["images"] = h5py.ExternalLink(beside, "/images")


def soft_link_out(file, beside):
    file["beside"] = h5py.ExternalLink(beside, "/")
    file["images"] = h5py.SoftLink("/beside/images")


def external_storage(file, beside):
    raw = beside.with_suffix(".raw")
    raw.write_bytes(IMAGES.tobytes())
    file.create_dataset("images", IMAGES.shape, "u1", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("make", [virtual, external_link, soft_link_out, external_storage])
def test_values_in_another_file_are_refused_wherever_that_is(path, make, away):
    with h5py.File(path, "a") as file:
        make(file, path.with_name("beside.hdf5"))
    if away:
        path.with_name("beside.hdf5").unlink()
    refused(path, "Cannot read .*images (is a link to nothing, or to another file|lie in another file)")


def test_a_link_within_the_file_is_followed(path):
    with h5py.File(path, "a") as file:
        file["kept/images"] = IMAGES
        file["images"] = h5py.SoftLink("/kept/images")
    assert len(load(path).train_labels) == 200


def test_a_link_to_nothing_is_refused(path):
    with h5py.File(path, "a") as file:
        file["images"] = h5py.SoftLink("/nowhere")
    refused(path, "Cannot read .*images is a link to nothing")


def test_a_fifo_behind_a_link_is_not_waited_for(path):
    path.with_name("beside.hdf5").unlink()
    os.mkfifo(path.with_name("beside.hdf5"))
    with h5py.File(path, "a") as file:
        soft_link_out(file, path.with_name("beside.hdf5"))
    refused(path, "Cannot read .*images is a link to nothing, or to another file")


@pytest.mark.parametrize("chunks", [None, (50, 8, 8)])
def test_images_that_were_never_written_are_not_taken_for_black(path, chunks):
    with h5py.File(path, "a") as file:
        images = file.create_dataset("images", IMAGES.shape, "u1", chunks=chunks)
        if chunks:
            images[:250] = IMAGES[:250]
    came = "of 6 chunks .* 5 were written" if chunks else "of 19200 bytes .* 0 were written"
    refused(path, f"Cannot read .*{came}; the others would be black")


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"chunks": (7, 8, 8)}, {"fletcher32": True, "shuffle": True}, {}])
def test_images_are_read_however_they_are_stored(path, options):
    with h5py.File(path, "a") as file:
        file.create_dataset("images", data=IMAGES, **options)
    split = load(path)
    together = np.concatenate([split.train_images, split.test_images])
    assert {image.tobytes() for image in together} == {image.tobytes() for image in IMAGES}


def test_a_chunk_that_is_much_larger_than_the_file_is_not_read(path):
    with h5py.File(path, "a") as file:
        file.create_dataset("images", IMAGES.shape, "u1", chunks=(2 * 10**6, 8, 8), maxshape=(None, 8, 8), compression="gzip")
    refused(path, "a chunk of images of .* 200 times as many as the file; got 128000000")


def test_text_where_numbers_are_expected(path):
    with h5py.File(path, "a") as file:
        file["images"] = ["a"] * 300
    refused(path, "Cannot read |Expected images")
