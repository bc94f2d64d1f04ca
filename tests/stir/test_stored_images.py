"""Images on disk are indexed like tensors, and only the indexed images are read."""

import h5py
import pytest
import torch

from stir import represent, shared_invariance
from stir.checks import check_images
from stir.errors import InvalidInputError
from stir.stored_images import StoredImages


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (10, 2, 3, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def file(tmp_path, pixels):
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["bytes"] = pixels.numpy()
        file["floats"] = pixels.double().numpy()
        yield file


def test_slices_and_numbers(file, pixels):
    stored, expected = StoredImages(file["bytes"], white_level=255), pixels.float() / 255
    assert (stored.shape, len(stored), stored.dtype) == ((10, 2, 3, 3), 10, torch.float32)
    for which in (
        slice(None),
        slice(2, 5),
        slice(7, 100),
        slice(4),
        slice(0, 0),
        torch.tensor([3, 0, 3]),
        torch.tensor([]).long(),
    ):
        torch.testing.assert_close(stored[which], expected[which], rtol=0, atol=0)


def test_only_the_first(file, pixels):
    stored = StoredImages(file["bytes"], first=4)
    assert stored.shape == (4, 2, 3, 3)
    assert torch.equal(stored[2:], pixels[2:4].float())
    assert len(StoredImages(file["bytes"], first=40)) == 10


def test_written_images_are_read_again(file):
    stored, images = StoredImages(file["floats"], dtype=torch.float64), torch.rand(2, 2, 3, 3, dtype=torch.float64)
    stored[torch.tensor([8, 1])] = images
    assert torch.equal(stored[torch.tensor([8, 1])], images)
    stored.flush()
    stored.close()


def test_they_are_checked_as_tensors_are(file):
    check_images(StoredImages(file["bytes"], white_level=255), pixel_bounds=(0.0, 1.0))
    with pytest.raises(InvalidInputError, match=r"within pixel_bounds.*got values from .* to 2\d\d"):
        check_images(StoredImages(file["bytes"]), pixel_bounds=(0.0, 1.0))
    file["floats"][7] = float("nan")
    with pytest.raises(InvalidInputError, match="NaN or infinity in image 7"):
        check_images(StoredImages(file["floats"]))


def test_models_take_them_as_tensors_are_taken(file):
    models = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(18, 6), torch.nn.Linear(6, 3)) for _ in range(2)]
    stored = StoredImages(file["bytes"], white_level=255)
    assert torch.equal(represent(models[0], stored, batch_size=4), represent(models[0], stored[:], batch_size=4))
    settings = {"reference_model": models[0], "target_model": models[1], "tolerance": 0.2}
    from_disk, from_memory = (shared_invariance(images=images, **settings) for images in (stored, stored[:]))
    assert from_disk.score == from_memory.score
