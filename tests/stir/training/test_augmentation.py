"""Images are flipped and shifted as a whole, independently of each other, as determined by the generator."""

import pytest
import torch

from stir.training.augmentation import augment


def _generator(random_seed=0):
    return torch.Generator().manual_seed(random_seed)


@pytest.fixture
def images():
    """Every pixel with a value of its own, none of them black."""
    return torch.linspace(0.1, 1, 40 * 3 * 16 * 16).reshape(40, 3, 16, 16)


def test_nothing_is_done_where_nothing_is_asked_for(images):
    assert augment(images, "none", _generator()) is images


def test_about_half_of_the_pictures_are_flipped_and_the_others_stay(images):
    flipped = augment(images, "flip", _generator())
    same = (flipped == images).flatten(1).all(dim=1)
    mirrored = (flipped == images.flip(3)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all()
    assert 10 < int(mirrored.sum()) < 30


def test_a_shift_moves_a_picture_by_up_to_an_eighth_of_its_side_and_brings_in_black(images):
    moved = augment(images, "crop_flip", _generator())
    found = set()
    for picture, before in zip(moved, images, strict=True):
        shift = _shift(picture, before) or _shift(picture, before.flip(2))
        assert shift is not None
        found.add(shift)
    assert all(abs(down) <= 2 and abs(right) <= 2 for down, right in found)
    assert {-2, 0, 2} <= {down for down, _ in found}
    assert {-2, 0, 2} <= {right for _, right in found}


def _shift(picture, before):
    padded = torch.nn.functional.pad(before, (2, 2, 2, 2))
    for down in range(-2, 3):
        for right in range(-2, 3):
            if torch.equal(picture, padded[:, 2 + down : 18 + down, 2 + right : 18 + right]):
                return down, right
    return None


@pytest.mark.parametrize("augmentation", ["flip", "crop_flip"])
def test_the_generator_determines_what_is_drawn(images, augmentation):
    first, again, other = (augment(images, augmentation, _generator(random_seed)) for random_seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
