"""A dataset's artifact: images and labels as they were read, and the names of the classes."""

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError
from stir_workflow.stages import dataset
from stir_workflow.stages.images import opened_images, read_class_names, read_images
from stir_workflow.stages.job import Job
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe

DIGITS = load_digits()


def made(folder, source, **settings):
    described = {"name": "mine", "image_shape": [1, 8, 8], "fingerprint": fingerprint(source), "random_seed": 0, **settings}
    recipe = Recipe("dataset", STAGES["dataset"].version, described)
    path = folder / f"mine-{recipe.key}.h5"
    dataset.make(Job(recipe, path, source=str(source)))
    return path


@pytest.fixture
def folder_of_two(tmp_path):
    for number, name in enumerate(["a", "Ångström"]):
        (tmp_path / "own" / name).mkdir(parents=True)
        for place, image in enumerate(DIGITS.images[DIGITS.target == number][:6]):
            Image.fromarray((image * 15).astype(np.uint8)).save(tmp_path / "own" / name / f"{place}.png")
    return tmp_path / "own"


def test_class_names_are_in_the_artifact_and_open_without_this_project(tmp_path, folder_of_two):
    path = made(tmp_path, folder_of_two, format="folder", n_classes=2, n_test=4)
    assert read_class_names(path) == ("a", "Ångström")
    with h5py.File(path) as file:
        assert file["class_names"].asstr()[()].tolist() == ["a", "Ångström"]
        assert file["class_names"].dims[0].label == "class"


def test_the_same_recipe_gives_the_same_file(tmp_path, folder_of_two):
    settings = {"format": "folder", "n_classes": 2, "n_test": 4}
    contents = []
    for name in ("first", "second"):
        contents.append(made(tmp_path / name, folder_of_two, **settings).read_bytes())
    assert contents[0] == contents[1]


def test_digits_have_no_names(tmp_path):
    recipe = Recipe("dataset", STAGES["dataset"].version, {"name": "digits", "n_test": 100, "random_seed": 0})
    path = tmp_path / f"digits-{recipe.key}.h5"
    dataset.make(Job(recipe, path))
    assert read_class_names(path) is None


@pytest.mark.parametrize(
    ("images", "extra"),
    [
        ((DIGITS.images / 16).astype(np.float32), {}),
        (DIGITS.images.astype(np.uint8), {"white_level": 16}),
        ((DIGITS.images * 200).astype(np.int32), {"white_level": 3200}),
    ],
    ids=["floating point", "8 bits", "16 bits"],
)
def test_whatever_is_stored_images_are_read_in_0_to_1(tmp_path, images, extra):
    np.savez(tmp_path / "own.npz", images=images, labels=DIGITS.target, **extra)
    path = made(tmp_path, tmp_path / "own.npz", format="numpy", n_classes=10, n_test=300)
    pixels, labels = read_images(path, "test")
    original = {
        (image / 16).astype(np.float32).tobytes(): label for image, label in zip(DIGITS.images, DIGITS.target, strict=True)
    }
    assert [original[image.numpy().tobytes()] for image in pixels[:, 0]] == labels.tolist()
    with opened_images(path, "test", first=20) as (stored, _):
        torch.testing.assert_close(stored[:], pixels[:20], rtol=0, atol=0)
        torch.testing.assert_close(stored[torch.tensor([3, 1])], pixels[[3, 1]], rtol=0, atol=0)


def test_what_was_read_is_said(tmp_path, folder_of_two, capsys):
    (folder_of_two / "notes.txt").touch()
    made(tmp_path, folder_of_two, format="folder", n_classes=2, n_test=4)
    expected = "mine: found 12 images (a 6, Ångström 6); not read: notes.txt; took 8 for training and 4 for testing\n"
    assert capsys.readouterr().err == expected


def test_nothing_is_left_of_a_dataset_that_was_refused(tmp_path, folder_of_two):
    with pytest.raises(DatasetError, match="n_classes = 3"):
        made(tmp_path / "out", folder_of_two, format="folder", n_classes=3, n_test=4)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
