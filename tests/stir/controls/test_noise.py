"""Noise of the pixel distance of perturbed images."""

import pytest
import torch

from stir.controls import matched_noise
from stir.errors import InvalidInputError


def _distance(one, other):
    return (one.double() - other.double()).flatten(1).norm(dim=1)


@pytest.fixture
def perturbed(images, generator):
    """Every image at another distance."""
    lengths = torch.linspace(0.0, 1.0, len(images))[:, None, None, None]
    return (images + lengths * torch.randn(images.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("pixel_bounds", [(0.0, 1.0), None])
def test_noise_has_the_distance_of_every_perturbed_image(images, perturbed, generator, pixel_bounds):
    noisy = matched_noise(images, perturbed, pixel_bounds=pixel_bounds, generator=generator)
    assert noisy.dtype == images.dtype
    torch.testing.assert_close(_distance(noisy, images), _distance(perturbed, images), rtol=1e-5, atol=1e-6)


def test_noise_stays_within_the_pixel_bounds(images, perturbed, generator):
    noisy = matched_noise(images, perturbed, generator=generator)
    assert noisy.min() >= 0
    assert noisy.max() <= 1


def test_an_image_that_was_not_perturbed_gets_no_noise(images, perturbed, generator):
    assert torch.equal(matched_noise(images, perturbed, generator=generator)[0], images[0])


def test_the_farthest_perturbation_puts_all_pixels_at_bounds(generator):
    black, white = torch.zeros(3, 1, 8, 8), torch.ones(3, 1, 8, 8)
    noisy = matched_noise(black, white, generator=generator)
    assert set(noisy.unique().tolist()) == {0.0, 1.0}


def test_the_generator_alone_determines_the_noise(images, perturbed):
    drawn = [matched_noise(images, perturbed, generator=torch.Generator().manual_seed(number)) for number in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_perturbed_images_of_another_shape_are_refused(images, perturbed, generator):
    with pytest.raises(InvalidInputError, match="one perturbed image per image"):
        matched_noise(images, perturbed[1:], generator=generator)
