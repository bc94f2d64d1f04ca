"""Seed images have the distribution of their kind and come from the random seed alone."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.seed_images import make_seed_images


def _make(kind, like, *, random_seed=0, pixel_bounds=None):
    generator = torch.Generator().manual_seed(random_seed)
    return make_seed_images(kind, like, pixel_bounds=pixel_bounds, generator=generator)


@pytest.mark.parametrize(("kind", "mean", "deviation"), [("normal_noise", 0, 1), ("uniform_noise", 0.5, 12**-0.5)])
def test_moments_of_the_noise(kind, mean, deviation):
    seeds = _make(kind, torch.empty(100, 1, 20, 20))
    assert seeds.mean().item() == pytest.approx(mean, abs=0.02)
    assert seeds.std().item() == pytest.approx(deviation, abs=0.02)


def test_uniform_noise_is_in_the_unit_interval():
    seeds = _make("uniform_noise", torch.empty(50, 1, 8, 8))
    assert seeds.min() >= 0
    assert seeds.max() <= 1


def test_bounds_clamp_and_leave_the_rest():
    like = torch.empty(50, 1, 8, 8)
    free, bounded = _make("normal_noise", like), _make("normal_noise", like, pixel_bounds=(0.0, 1.0))
    assert free.min() < 0
    assert free.max() > 1
    torch.testing.assert_close(bounded, free.clamp(0, 1), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_type_are_those_of_the_reference_images(dtype):
    like = torch.zeros(3, 2, 5, 4, dtype=dtype)
    seeds = _make("normal_noise", like)
    assert (seeds.shape, seeds.dtype) == (like.shape, dtype)


def test_the_content_of_the_reference_images_does_not_matter():
    assert torch.equal(_make("normal_noise", torch.zeros(3, 8)), _make("normal_noise", torch.ones(3, 8)))


def test_every_image_and_every_random_seed_has_its_own_noise():
    like = torch.empty(3, 8)
    first, other = _make("normal_noise", like), _make("normal_noise", like, random_seed=1)
    assert torch.equal(first, _make("normal_noise", like))
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_an_unknown_kind_is_refused_with_near_matches():
    with pytest.raises(InvalidInputError, match=r"kind of seed image 'uniform'\. Did you mean 'uniform_noise'\?"):
        _make("uniform", torch.empty(3, 8))
