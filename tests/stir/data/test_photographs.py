"""Crops of the photographs that packages ship: real, apart, and these files alone."""

import numpy as np
import pytest

from stir.data import photographs
from stir.data.dataset import load_split
from stir.data.photographs import PHOTOGRAPHS, load_photographs
from stir.errors import DatasetError

pytest.importorskip("skimage", reason="scikit-image ships most of the photographs")


@pytest.fixture(scope="module")
def split():
    return load_split({"name": "photographs", "n_test": 66}, generator=np.random.default_rng(0))


def test_all_crops_can_be_test_images_and_none_is_trained_on(split):
    assert split.test_images.shape == (66, 3, 224, 224)
    assert split.test_images.dtype == np.uint8
    assert split.white_level == 255
    assert len(split.train_images) == 0


def test_no_two_crops_are_alike_and_none_is_blank(split):
    assert len({image.tobytes() for image in split.test_images}) == 66
    assert split.test_images.reshape(66, -1).std(axis=1).min() > 4


def test_a_crop_is_the_corner_of_its_photograph():
    from sklearn.datasets import load_sample_image

    found = load_photographs()
    (first, *_), labels = found.train.images_and_labels(np.flatnonzero(found.train.labels == found.class_names.index("flower")))
    original = load_sample_image("flower.jpg")[: 224 * 427 // 448, : 224 * 427 // 448]
    assert len(labels) == 6
    np.testing.assert_allclose(first.mean(axis=(1, 2)), original.mean(axis=(0, 1)), atol=1)


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"skimage, which ships astronaut.png.* install 'stir-workflow\[photographs\]'"):
        load_photographs()


@pytest.mark.parametrize(("file", "came"), [("sklearn/datasets/images/china.jpg", "8378025ad"), ("sklearn/other.jpg", "no file")])
def test_another_file_than_the_one_that_is_meant_is_refused(monkeypatch, file, came):
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", {**PHOTOGRAPHS, file: "0" * 64})
    with pytest.raises(DatasetError, match=rf"Expected .*/{file} with SHA-256 0000.*got {came}.*another version of sklearn"):
        load_photographs()
