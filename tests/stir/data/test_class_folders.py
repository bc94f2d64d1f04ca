"""Images in one folder per class: the same from a folder and from archives; problems are named."""

import shutil
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from stir.data.dataset import load_split
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError, InvalidInputError
from tests.stir.data.conftest import NAMES

ARCHIVES = {"zip": "zip", "tar": "tar", "gztar": "tar.gz", "bztar": "tar.bz2", "xztar": "tar.xz"}


@pytest.fixture
def split_folder(tmp_path, write_classes):
    """Nine training and six test images of three classes."""
    write_classes(tmp_path / "shapes" / "train", 3)
    write_classes(tmp_path / "shapes" / "test", 2, first=3)
    return tmp_path / "shapes"


@pytest.fixture
def pool_folder(tmp_path, write_classes):
    """Thirty images of three classes."""
    write_classes(tmp_path / "shapes", 10)
    return tmp_path / "shapes"


def load(path, random_seed=0, **settings):
    described = {"name": "shapes", "image_shape": [1, 8, 8], "n_classes": 3, "fingerprint": fingerprint(path)}
    described |= {"format": "folder" if path.is_dir() else "archive", **settings}
    return load_split(described, source=path, generator=np.random.default_rng(random_seed))


def refused(path, match, error=DatasetError, **settings):
    with pytest.raises(error, match=match):
        load(path, **settings)


def as_set(images, labels):
    return {(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)}


def of_files(folder):
    return {
        (np.asarray(Image.open(folder / name / file.name)).tobytes(), number)
        for number, name in NAMES.items()
        for file in (folder / name).iterdir()
    }


def test_training_and_test_images_are_those_of_their_folders(split_folder):
    split = load(split_folder)
    assert split.train_images.shape == (9, 1, 8, 8)
    assert as_set(split.train_images, split.train_labels) == of_files(split_folder / "train")
    assert as_set(split.test_images, split.test_labels) == of_files(split_folder / "test")
    assert split.class_names == tuple(NAMES.values())
    assert split.white_level == 255


def test_test_images_are_drawn_where_there_is_one_set(pool_folder):
    split = load(pool_folder, n_test=10)
    train, test = as_set(split.train_images, split.train_labels), as_set(split.test_images, split.test_labels)
    assert (len(split.train_labels), len(split.test_labels)) == (20, 10)
    assert train | test == of_files(pool_folder)
    assert set(split.test_labels) == {0, 1, 2}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("top", [False, True], ids=["bare", "in one folder"])
@pytest.mark.parametrize("folder", ["split_folder", "pool_folder"])
def test_an_archive_gives_the_same_as_the_folder(request, tmp_path, folder, kind, top):
    path = request.getfixturevalue(folder)
    archive = shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path if top else path, "shapes" if top else ".")
    assert archive.endswith(ARCHIVES[kind])
    ours, other = load(path, n_test=4), load(tmp_path / f"packed.{ARCHIVES[kind]}", n_test=4)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(other, name))


def test_two_halves_of_the_classes_share_no_image_and_are_numbered_anew(split_folder):
    first, second = load(split_folder, classes=[0]), load(split_folder, classes=[2, 1])
    assert second.class_names == ("two", "one")
    assert as_set(second.train_images, second.train_labels) == {
        (image, 2 - number) for image, number in of_files(split_folder / "train") if number > 0
    }
    assert set(second.test_labels) == {0, 1}
    assert not as_set(first.train_images, first.train_labels * 0) & as_set(second.train_images, second.train_labels * 0)


def test_the_generator_orders_all_and_fewer_test_images_are_the_first(split_folder):
    ours, again, other, fewer = load(split_folder), load(split_folder), load(split_folder, 1), load(split_folder, n_test=2)
    np.testing.assert_array_equal(ours.train_images, again.train_images)
    assert (ours.train_labels != other.train_labels).any()
    assert (np.diff(ours.train_labels) < 0).any(), "not in the order of the classes"
    np.testing.assert_array_equal(fewer.train_images, ours.train_images)
    np.testing.assert_array_equal(fewer.test_images, ours.test_images[:2])


def test_colour_images_keep_their_channels(tmp_path):
    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    for part in ("train", "test"):
        (tmp_path / "c" / part / "x").mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "c" / part / "x" / "1.png")
    split = load(tmp_path / "c", image_shape=[3, 5, 4], n_classes=1)
    np.testing.assert_array_equal(split.train_images[0], pixels.transpose(2, 0, 1))


def test_other_files_and_hidden_ones_do_not_count(split_folder):
    for name in ("README.txt", "train/notes.csv", ".cache/three/1.png", "train/one/.gitkeep"):
        (split_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (split_folder / name).write_text("no image", encoding="utf-8")
    assert len(load(split_folder).train_labels) == 9


@pytest.mark.parametrize(
    ("n_test", "match"), [(0, "from 1 to 29"), (30, "from 1 to 29 for dataset 'shapes'; got 30"), (None, "got None")]
)
def test_a_number_of_test_images_that_one_set_does_not_have(pool_folder, n_test, match):
    refused(pool_folder, match, InvalidInputError, n_test=n_test)


def test_more_test_images_than_there_are(split_folder):
    refused(split_folder, "n_test from 1 to 6 for dataset 'shapes'; got 7", InvalidInputError, n_test=7)


def test_another_fingerprint(split_folder):
    refused(
        split_folder,
        f"Expected fingerprint {'0' * 64} of dataset 'shapes'; got {fingerprint(split_folder)}",
        fingerprint="0" * 64,
    )


def test_a_fingerprint_in_capitals_is_the_same(split_folder):
    assert load(split_folder, fingerprint=fingerprint(split_folder).upper())


@pytest.mark.parametrize("shape", [[1, 8, 9], [1, 7, 8], [3, 8, 8]])
def test_images_of_another_size_or_with_other_channels(split_folder, shape):
    refused(
        split_folder,
        r"Expected images of .*image_shape.*got 8 x 8, L: train/\w+/\d\.png.*correct image_shape, or set resize, crop or convert",
        image_shape=shape,
    )


def test_channels_that_no_image_file_has(split_folder):
    refused(split_folder, r"1, 3 or 4 channels for image files; got \[2, 8, 8\]", image_shape=[2, 8, 8])


def test_one_image_of_another_size_is_named(split_folder):
    Image.new("L", (9, 8)).save(split_folder / "test" / "two" / "1.png")
    refused(split_folder, r"Expected images of 8 x 8 pixels, L .*; got 9 x 8, L: test/two/1\.png in .*shapes")


@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut"])
def test_a_corrupt_image_is_named(split_folder, content):
    path = split_folder / "train" / "one" / "0.png"
    path.write_bytes(path.read_bytes()[:50] if content is None else content)
    refused(split_folder, r"Expected an image; train/one/0\.png in .*shapes cannot be decoded")


@pytest.mark.parametrize("n_classes", [2, 4])
def test_more_or_fewer_classes(split_folder, n_classes):
    refused(split_folder, rf"n_classes = {n_classes} folders .*; got 3: nought, one, two\. Correct", n_classes=n_classes)


def test_a_test_class_that_training_lacks(split_folder):
    (split_folder / "test" / "two").rename(split_folder / "test" / "twoo")
    refused(split_folder, r"test/twoo is not one of them\. Did you mean 'two'")


def test_a_third_part_is_not_ignored(split_folder):
    shutil.copytree(split_folder / "test", split_folder / "val")
    refused(split_folder, r"Expected train/CLASS/ and test/CLASS/ .*; got test, train, val")


def test_a_training_part_without_a_test_part(split_folder):
    shutil.rmtree(split_folder / "test")
    refused(split_folder, r"Expected train/CLASS/ and test/CLASS/ .*; got train\.")


@pytest.mark.parametrize(("folder", "name"), [("pool_folder", "stray.png"), ("split_folder", "train/stray.png")])
def test_an_image_in_no_class(request, folder, name):
    path = request.getfixturevalue(folder)
    shutil.copy(next(path.rglob("*.png")), path / name)
    refused(path, rf"{name} is not in a class folder", n_test=3)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", r"Expected image files \(.*\.png.*\) in .*empty; there are none")


def test_a_format_that_is_another(split_folder, tmp_path):
    refused(split_folder, "Expected a file at .* since its format is archive; there is a folder", format="archive")
    shutil.make_archive(str(tmp_path / "packed"), "zip", split_folder)
    refused(tmp_path / "packed.zip", "Expected a folder at .* since its format is folder; there is a file", format="folder")


def test_data_that_are_not_there(split_folder, tmp_path):
    described = {"name": "shapes", "format": "folder", "image_shape": [1, 8, 8], "n_classes": 3, "fingerprint": "0" * 64}
    for source, match in [
        (tmp_path / "absent", r"there is nothing\. Put it there, or correct dataset\.path"),
        (None, "Set dataset.path"),
    ]:
        with pytest.raises(DatasetError, match=match):
            load_split(described, source=source, generator=np.random.default_rng(0))


@pytest.mark.parametrize("kind", ["zip", "tar.xz", "tar.gz", "tar"])
@pytest.mark.parametrize("harm", ["cut", "other"])
def test_a_damaged_archive(split_folder, tmp_path, kind, harm):
    made = shutil.make_archive(str(tmp_path / "packed"), {v: k for k, v in ARCHIVES.items()}[kind], split_folder)
    path = tmp_path / f"packed.{kind}"
    assert str(path) == made
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 100] if harm == "cut" else b"something else" * 100)
    refused(path, "cannot be (read as one|decoded)")


def test_a_member_of_an_archive_that_was_altered(split_folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive, warnings.catch_warnings():
        for file in sorted(split_folder.rglob("*.png")):
            archive.write(file, file.relative_to(split_folder).as_posix())
    content = bytearray((tmp_path / "packed.zip").read_bytes())
    content[content.index(b"IDAT") + 8] ^= 1
    (tmp_path / "packed.zip").write_bytes(content)
    refused(tmp_path / "packed.zip", r"test/nought/0\.png in .*packed\.zip cannot be decoded \(BadZipFile")


@pytest.mark.parametrize("folder", ["split_folder", "pool_folder"])
@pytest.mark.parametrize("kind", [None, "zip", "tar"])
@pytest.mark.parametrize(
    "name", ["x.jfif", "x.gif", "x.GIF", "x", "x.png.txt", "x.heic", "inner.zip", ".x.png", "sub/notes.csv", "x.png~"]
)
def test_what_is_no_image_by_its_name_is_not_left_out_of_a_class_silently(request, tmp_path, folder, kind, name):
    path = request.getfixturevalue(folder)
    place = f"train/one/{name}" if folder == "split_folder" else f"one/{name}"
    (path / place).parent.mkdir(exist_ok=True)
    shutil.copy(next(path.rglob("*.png")), path / place)
    if kind is not None:
        path = shutil.make_archive(str(tmp_path / "packed"), kind, path) and tmp_path / f"packed.{kind}"
    refused(path, rf"Expected only images \(\.bmp.*\) in folders of classes; {place} in .* is not an image", n_test=3)


def test_upper_case_suffixes_are_images(pool_folder):
    for path in list(pool_folder.rglob("*.png")):
        path.rename(path.with_suffix(".PNG"))
    assert len(load(pool_folder, n_test=10).train_labels) == 20


def test_what_was_found_and_what_was_not_read_is_said(split_folder):
    for name in ("README.txt", "train/notes.csv", "docs/labels.csv"):
        (split_folder / name).parent.mkdir(exist_ok=True)
        (split_folder / name).touch()
    (split_folder / "test" / "two" / "0.png").unlink()
    (split_folder / "test" / "two" / "1.png").unlink()
    found = (
        "9 training + 4 test images (nought 3 + 2, one 3 + 2, two 3 + 0); not read: README.txt, docs/labels.csv, train/notes.csv"
    )
    assert load(split_folder).found == found
    assert load(split_folder, classes=[1]).found.startswith("3 training + 2 test images (one 3 + 2)")


@pytest.mark.parametrize("names", [("training", "validation"), ("Train", "Test"), ("one", "val")])
def test_parts_are_not_taken_for_classes(split_folder, names):
    for old, new in zip(("train", "test"), names, strict=True):
        (split_folder / old).rename(split_folder / new)
    refused(split_folder, rf"Expected train/CLASS/ and test/CLASS/ .*; got {', '.join(sorted(names))}\.", n_classes=2)


@pytest.mark.parametrize(("white", "part"), [(1, "test"), (1, "train"), (16, "test")])
def test_a_part_that_is_plainly_of_another_range(split_folder, white, part):
    for path in (split_folder / part).rglob("*.png"):
        Image.fromarray((np.asarray(Image.open(path)) / 255 * white).round().astype(np.uint8)).save(path)
    refused(split_folder, rf"{part}\w* images of .* from 0 \(black\) to 255 \(white\); got 0 to {white}: .* nearly black")


def test_all_files_in_wrong_places_and_of_other_types_are_named_at_once(split_folder):
    for name in ("train/one/notes.csv", "train/two/photo.heic", "train/8.png"):
        (split_folder / name).write_text("no image", encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        load(split_folder)
    for name in ("train/one/notes.csv", "train/two/photo.heic", "train/8.png"):
        assert name in str(caught.value)


def test_images_in_no_folder_are_one_class(tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for number in range(4):
        Image.new("L", (8, 8), 200 + number).save(flat / f"{number}.png")
    split = load(flat, n_classes=1, n_test=3)
    assert split.class_names == ("images",)
    assert sorted([*split.train_images[:, 0, 0, 0], *split.test_images[:, 0, 0, 0]]) == [200, 201, 202, 203]
    assert not np.concatenate([split.train_labels, split.test_labels]).any()
