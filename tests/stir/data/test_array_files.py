"""Images and labels in HDF5 and NumPy files, in all supported layouts."""

import struct
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from stir.data.dataset import load_split
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError
from tests.stir.data.conftest import DIGITS, GREY

IMAGES, LABELS = GREY[:300], DIGITS.target[:300]
COLOUR = np.stack([GREY[:300], GREY[300:600], GREY[600:900]], axis=1)
FORMATS = ("hdf5", "npz", "npy")


def save(folder, kind, **arrays):
    path = folder / f"mine.{kind}"
    if kind == "hdf5":
        with h5py.File(path, "w") as file:
            file.update(arrays)
    elif kind == "npz":
        np.savez(path, **arrays)
    else:
        path.mkdir()
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", array)
    return path


def load(path, **settings):
    described = {"name": "mine", "format": "hdf5" if path.suffix == ".hdf5" else "numpy", "fingerprint": fingerprint(path)}
    described |= {"image_shape": [1, 8, 8], "n_classes": 10, "n_test": 100, **settings}
    return load_split(described, source=path, generator=np.random.default_rng(0))


def refused(path, match, **settings):
    with pytest.raises(DatasetError, match=match):
        load(path, **settings)


def parts(images=IMAGES, labels=LABELS):
    return {"train_images": images[:200], "train_labels": labels[:200], "test_images": images[200:], "test_labels": labels[200:]}


def as_set(images, labels):
    return {(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}


@pytest.mark.parametrize("kind", FORMATS)
def test_training_and_test_images_are_those_of_the_file(tmp_path, kind):
    split = load(save(tmp_path, kind, **parts()))
    assert split.train_images.shape == (200, 1, 8, 8)
    assert as_set(split.train_images, split.train_labels) == as_set(IMAGES[:200], LABELS[:200])
    assert as_set(split.test_images, split.test_labels) == as_set(IMAGES[200:], LABELS[200:])
    assert split.train_images.dtype == np.uint8
    assert split.white_level == 255
    assert split.class_names is None
    assert (split.train_labels != LABELS[:200]).any(), "in random order"


@pytest.mark.parametrize("kind", FORMATS)
def test_test_images_are_drawn_where_there_is_one_set(tmp_path, kind):
    split = load(save(tmp_path, kind, images=IMAGES, labels=LABELS))
    assert len(split.test_labels) == 100
    train, test = as_set(split.train_images, split.train_labels), as_set(split.test_images, split.test_labels)
    assert train | test == as_set(IMAGES, LABELS)
    assert not train & test


def test_every_arrangement_gives_the_same(tmp_path):
    for name, images in {"first": COLOUR, "last": COLOUR.transpose(0, 2, 3, 1)}.items():
        (tmp_path / name).mkdir()
        split = load(save(tmp_path / name, "npz", images=images, labels=LABELS), image_shape=[3, 8, 8])
        assert as_set(split.train_images, split.train_labels) | as_set(split.test_images, split.test_labels) == as_set(
            COLOUR, LABELS
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floating_point_numbers_are_kept(tmp_path, dtype):
    images = (IMAGES / 255).astype(dtype)
    split = load(save(tmp_path, "npz", **parts(images)))
    assert split.white_level == 1
    assert split.train_images.dtype == np.float32
    assert as_set(split.train_images, split.train_labels) == as_set(images[:200].astype(np.float32), LABELS[:200])


@pytest.mark.parametrize(("white_level", "dtype"), [(16, np.uint8), (4095, np.uint16)])
def test_white_may_be_another_number(tmp_path, white_level, dtype):
    images = np.round(DIGITS.images[:300] / 16 * white_level).astype(np.int64)
    split = load(save(tmp_path, "hdf5", images=images, labels=LABELS, white_level=white_level))
    assert split.white_level == white_level
    assert split.test_images.dtype == dtype
    assert split.train_images.max() == white_level


def test_class_names_are_taken_along(tmp_path):
    names = [f"the digit {number} é" for number in range(10)]
    for kind, values in (("npz", np.array(names)), ("hdf5", names), ("npy", np.array(names))):
        split = load(save(tmp_path, kind, **parts(), class_names=values), classes=[7, 2], n_test=5)
        assert split.class_names == (names[7], names[2])
    refused(save(tmp_path, "npz", **parts(), class_names=np.array(names[:9])), "n_classes = 10 class_names in .*; got 9")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"train_images": IMAGES[:200].astype(float)},
            r"train_images of .* from 0 \(black\) to 1 \(white\); got 0.0 to 255.0.*normalisation",
        ),
        ({"test_images": IMAGES[200:] / -255.0}, "test_images of .* got -1.0 to "),
        ({"test_images": np.full((100, 8, 8), np.nan)}, "got nan to nan"),
        ({"train_images": IMAGES[:200].astype(int) * 2}, r"to 255 \(white\); got 0 to 510.*white_level"),
        ({"train_images": IMAGES[:200] > 9}, "got bool"),
        ({"train_images": COLOUR[:200]}, r"\(n, 1, 8, 8\) or \(n, 8, 8, 1\), .* got \(200, 3, 8, 8\)\. Correct image_shape"),
        ({"test_images": IMAGES[200:, :7]}, r"test_images .*; got \(100, 7, 8\)"),
        ({"train_labels": LABELS[:199]}, r"train_labels .* integers, one per image \(200,\); got int64 \(199,\)"),
        ({"test_labels": LABELS[200:].astype(float)}, "test_labels .* got float64"),
        ({"train_labels": LABELS[:200, None, None]}, r"got int64 \(200, 1, 1\)"),
        ({"train_labels": LABELS[:200] + 1}, r"from 0 to 9 \(n_classes 10\); got 1 to 10.*number the classes from 0"),
        ({"test_labels": LABELS[200:] - 1}, "test_labels .* got -1 to 8"),
        (
            {"train_labels": np.minimum(LABELS[:200], 8)},
            "Expected every class from 0 to 9 .*train_labels.* got 9 classes, 0 to 8",
        ),
    ],
)
def test_arrays_that_are_not_what_is_expected(tmp_path, change, match):
    refused(save(tmp_path, "npz", **{**parts(), **change}), match)


@pytest.mark.parametrize("kind", FORMATS)
def test_arrays_of_other_names(tmp_path, kind):
    path = save(tmp_path, kind, x=IMAGES, labels=LABELS)
    refused(path, r"Expected arrays train_images, .*, or images and labels, in .*; got .*'x'")


@pytest.mark.parametrize("kind", ["hdf5", "npz"])
@pytest.mark.parametrize("harm", ["cut", "other", "empty"])
def test_a_damaged_file(tmp_path, kind, harm):
    path = save(tmp_path, kind, **parts())
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "other": b"something else" * 1000, "empty": b""}[harm])
    refused(path, "Cannot read .*It is truncated or has another format")


def test_an_array_without_a_name(tmp_path):
    np.save(tmp_path / "mine.npy", IMAGES)
    refused(tmp_path / "mine.npy", "a single array without a name")


def test_arrays_that_would_run_code_are_refused(tmp_path):
    for kind in ("npz", "npy"):
        path = save(tmp_path, kind, images=IMAGES.astype(object), labels=LABELS)
        refused(path, "Cannot read .*images.* has pickled objects, which can run code.*allow_pickle")


@pytest.mark.parametrize("white_level", [0, 2**16, [255, 255], 254.5, np.nan])
def test_a_white_level_that_is_none(tmp_path, white_level):
    refused(save(tmp_path, "npz", **parts(), white_level=white_level), "Expected white_level of .*, one integer from 1 to 65535")


def test_a_group_where_an_array_is_expected(tmp_path):
    path = save(tmp_path, "hdf5", labels=LABELS)
    with h5py.File(path, "a") as file:
        file.create_group("images")
    refused(path, "Cannot read .*mine.hdf5")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("images", "extra", "problem"),
    [
        (IMAGES / 255, {"white_level": 255}, r"to 255 \(white\); got 0.0 to 1.0: .* nearly black"),
        ((IMAGES / 255).astype(np.float16), {"white_level": 2}, r"to 2 \(white\); got 0.0 to 1.0: .* nearly black"),
        (IMAGES > 128, {}, "got bool"),
        ((IMAGES > 128).astype(np.uint8), {}, r"to 255 \(white\); got 0 to 1: .* nearly black"),
        (IMAGES // 16, {}, r"to 255 \(white\); got 0 to 15: .* nearly black"),
        (
            IMAGES.astype(np.uint16) * 16,
            {"white_level": 2**16 - 1},
            r"to 65535 \(white\); got 0 to 4080: .* nearly black",
        ),
        (IMAGES / 255**2, {}, r"to 1 \(white\); got 0.0 to 0.0039.*: .* nearly black"),
        (IMAGES * 0, {}, "got 0 to 0: .* nearly black"),
        (np.where(IMAGES > 250, np.nan, IMAGES / 255), {}, "got nan to nan"),
        (np.where(IMAGES > 250, np.inf, IMAGES / 255), {"white_level": 2**16 - 1}, "got 0.0 to inf"),
        (IMAGES.astype(np.int16) - 1, {}, "got -1 to 254"),
        (IMAGES.astype(complex), {}, "got complex128"),
    ],
)
def test_another_range_than_the_declared_one_is_refused(tmp_path, kind, images, extra, problem):
    refused(save(tmp_path, kind, images=images, labels=LABELS, **extra), f"Expected images of .*{problem}")


def test_the_test_part_is_of_the_range_of_the_training_part(tmp_path):
    refused(
        save(tmp_path, "npz", **{**parts(), "test_images": IMAGES[200:] / 255}),
        "test_images of .*got 0.0 to 1.0: .* nearly black",
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_floating_point_numbers_up_to_a_white_level_are_kept(tmp_path, kind):
    split = load(save(tmp_path, kind, images=IMAGES.astype(np.float32), labels=LABELS, white_level=255))
    assert (split.white_level, split.train_images.dtype, split.train_images.max()) == (255, np.float32, 255)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_of_labels_and_a_white_level_as_a_float_are_taken(tmp_path, kind):
    """As MedMNIST and MATLAB have them."""
    split = load(save(tmp_path, kind, images=IMAGES, labels=LABELS[:, None], white_level=255.0))
    (tmp_path / "plain").mkdir()
    expected = load(save(tmp_path / "plain", kind, images=IMAGES, labels=LABELS))
    assert split.white_level == 255
    assert np.array_equal(split.train_labels, expected.train_labels)


@pytest.mark.parametrize("excess", [-2e-7, 2e-7])
def test_pixels_that_rounding_put_out_of_bounds_are_clamped(tmp_path, excess):
    images = np.where((IMAGES == 255) if excess > 0 else (IMAGES == 0), (excess > 0) + excess, IMAGES / 255)
    split = load(save(tmp_path, "npz", images=images, labels=LABELS))
    assert (split.train_images.min(), split.train_images.max()) == (0, 1)
    refused(save(tmp_path, "hdf5", images=images + 10 * np.sign(excess) * 1e-6, labels=LABELS), "from 0 .black. to 1 .white.")


@pytest.mark.parametrize("n_classes", [10**9, 10**18])
def test_classes_without_number_take_no_memory(tmp_path, n_classes):
    tracemalloc.start()
    try:
        refused(save(tmp_path, "npz", **parts()), f"every class from 0 to {n_classes - 1} .* got 10 classes", n_classes=n_classes)
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", FORMATS)
def test_what_else_there_is_is_said(tmp_path, kind):
    split = load(save(tmp_path, kind, **parts(), val_images=IMAGES))
    assert split.found.startswith("200 training + 100 test images (0 ")
    assert "; not read: array val_images" in split.found


@pytest.mark.parametrize("kind", FORMATS)
def test_two_sets_in_one_file_are_not_chosen_from(tmp_path, kind):
    refused(save(tmp_path, kind, **parts(), images=IMAGES), "Expected either arrays train_images, .*, or images and labels, in ")


@pytest.mark.parametrize(
    "names", [np.array("abcdefghij"), np.array(["a"] * 9 + [""]), np.array(["a"] * 9 + ["a\nb"]), np.ones(10)]
)
def test_names_of_classes_that_are_none(tmp_path, names):
    refused(save(tmp_path, "npz", **parts(), class_names=names), "Expected (n_classes = 10 class_names|names of classes as text)")


def header(shape, dtype="|u1"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize("kind", ["npz", "npy"])
@pytest.mark.parametrize(
    "content",
    [
        header((10**12, 8, 8)) + bytes(64),
        header((300, 8, 8)) + bytes(300 * 64 - 1),
        header((300, 8, 8)) + bytes(300 * 64 + 1),
        header((-300, 8, -8)) + bytes(300 * 64),
        header((0, 10**30)),
        header((300, 8, 8), "|V64") + bytes(300 * 64),
        header("(" * 200 + ")" * 200),
        header("9" * 100),
        b"\x93NUMPY\x09\x00" + bytes(100),
        b"",
    ],
)
def test_a_header_that_promises_what_is_not_there(tmp_path, kind, content):
    path = save(tmp_path, kind, labels=LABELS)
    if kind == "npy":
        (path / "images.npy").write_bytes(content)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("images.npy", content)
    refused(path, "Cannot read |Expected images of ")


def test_an_array_that_is_there_twice(tmp_path):
    path = save(tmp_path, "npz", images=IMAGES, labels=LABELS)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("labels.npy", zipfile.ZipFile(path).read("labels.npy"))
    refused(path, r"labels\.npy is there twice")


@pytest.mark.parametrize("packed", [True, False])
def test_zeros_that_are_much_larger_than_their_file_are_not_unpacked(tmp_path, packed):
    images = np.broadcast_to(np.uint8(0), (2 * 10**6, 8, 8))
    path = tmp_path / ("mine.npz" if packed else "mine.hdf5")
    if packed:
        np.savez_compressed(path, images=images, labels=LABELS)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("images", images.shape, "u1", compression="gzip", chunks=(1000, 8, 8))
            file["labels"] = LABELS
    tracemalloc.start()
    try:
        refused(path, r"images of .* at most 67108864 bytes, 200 times as many as the file; got 128000000")
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()
