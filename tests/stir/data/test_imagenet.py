"""ImageNet's validation images, with a substitute of three classes."""

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

from stir.data import catalogue, decoding
from stir.data.catalogue import COUNTS, DATASETS, Counts
from stir.data.dataset import load_split
from stir.errors import DatasetError, InvalidInputError

SYNSETS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four images per class, with all modes and shapes."""
    counts = Counts((4,) * 3)
    monkeypatch.setitem(COUNTS, "imagenet", counts)
    monkeypatch.setitem(DATASETS, "imagenet", catalogue._facts((3, 224, 224), counts, test_only=True))
    generator = np.random.default_rng(0)
    for synset in SYNSETS:
        (tmp_path / "val" / synset).mkdir(parents=True)
        for number, (mode, size) in enumerate({"RGB": (300, 400), "L": (500, 260), "CMYK": (260, 260), "RGBA": (90, 70)}.items()):
            pixels = generator.integers(0, 256, (size[1], size[0], len(mode)), dtype=np.uint8)
            form = "PNG" if mode == "RGBA" else "JPEG"
            Image.fromarray(pixels.squeeze(), mode).save(tmp_path / "val" / synset / f"ILSVRC2012_val_{number}.JPEG", form)
    return tmp_path / "val"


def load(source, n_test=5, random_seed=0, **settings):
    return load_split(
        {"name": "imagenet", "n_test": n_test, **settings}, source=source, generator=np.random.default_rng(random_seed)
    )


def test_images_are_resized_and_cut_as_torchvision_does(folder):
    split = load(folder, n_test=12)
    prepare = Compose([Resize(256), CenterCrop(224)])
    expected = {
        (np.asarray(prepare(Image.open(file).convert("RGB"))).transpose(2, 0, 1).tobytes(), SYNSETS.index(file.parent.name))
        for file in folder.rglob("*.JPEG")
    }
    assert {(image.tobytes(), int(label)) for image, label in zip(split.test_images, split.test_labels, strict=True)} == expected
    assert split.class_names == SYNSETS


@pytest.mark.parametrize("place", [".", "val", "imagenet/val", "imagenet"])
def test_it_is_found_where_it_is_kept(folder, tmp_path, place):
    expected = load(folder)
    (tmp_path / "all" / place).parent.mkdir(parents=True, exist_ok=True)
    folder.rename(tmp_path / "all" / place)
    np.testing.assert_array_equal(load(tmp_path / "all").test_images, expected.test_images)


def test_only_drawn_images_are_decoded_and_none_is_left_for_training(folder, monkeypatch):
    decoded = []
    opened = decoding._opened
    monkeypatch.setattr(decoding, "_opened", lambda files, name, prepare: decoded.append(name) or opened(files, name, prepare))
    split = load(folder)
    assert len(set(decoded)) == len(decoded) == len(split.test_labels) == 5
    assert split.train_images.shape == (0, 3, 224, 224)
    assert split.train_labels.shape == (0,)


def test_classes_are_kept(folder):
    split = load(folder, n_test=8, classes=[2, 0])
    assert np.bincount(split.test_labels).tolist() == [4, 4]
    assert split.class_names == (SYNSETS[2], SYNSETS[0])


@pytest.mark.parametrize("n_test", [0, 13, None])
def test_a_number_of_images_that_is_not_there(folder, n_test):
    with pytest.raises(InvalidInputError, match=f"n_test from 1 to 12 for dataset 'imagenet'; got {n_test}"):
        load(folder, n_test=n_test)


def test_what_is_missing_is_asked_for(tmp_path):
    (tmp_path / "ILSVRC2012_val_00000001.JPEG").touch()
    with pytest.raises(
        DatasetError, match=r"folder per class \(n01440764/, \.\.\.\); there are none.*STIR_DATA or under dataset\.path"
    ):
        load(tmp_path)


def test_a_class_or_an_image_that_is_missing(folder):
    next((folder / SYNSETS[1]).iterdir()).unlink()
    with pytest.raises(
        DatasetError, match=r"Expected 12 images \(4 to 4 per class\) of dataset 'imagenet'; got 11 images \(3 to 4 per class\)"
    ):
        load(folder)
    for file in (folder / SYNSETS[1]).iterdir():
        file.unlink()
    with pytest.raises(DatasetError, match=r"Expected n_classes = 3 folders of classes .*; got 2: n01440764, n01484850"):
        load(folder)
