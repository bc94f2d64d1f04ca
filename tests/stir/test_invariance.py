"""Scores of perturbations that no inversion made, with their controls."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import stir
from stir.errors import InvalidInputError, NondeterministicModelError


class SumOverChannels(nn.Module):
    """Sees the sum over channels alone."""

    def forward(self, images):
        return images.sum(dim=1).flatten(1)


class CircularFeatures(nn.Module):
    """Sees features that no circular translation changes."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular")

    def forward(self, images):
        return self.convolution(images).relu().mean(dim=(2, 3))


@pytest.fixture
def pictures(generator):
    return torch.rand(40, 3, 6, 6, generator=generator)


@pytest.fixture
def models():
    torch.manual_seed(0)
    return {"channels": SumOverChannels(), "translation": CircularFeatures(), "pixels": nn.Flatten()}


def _rotated_channels(pictures):
    return pictures.roll(1, dims=1)


def _translated(pictures):
    """Translate every picture differently: one translation of all would be a rotation of the features, which CKA does not see."""
    shifts = [(number % 6, number % 5) for number in range(len(pictures))]
    return torch.stack([picture.roll(shift, dims=(1, 2)) for picture, shift in zip(pictures, shifts, strict=True)])


@pytest.mark.parametrize(
    ("perturbed", "invariant", "sensitive"),
    [(_rotated_channels, "channels", "translation"), (_translated, "translation", "channels")],
)
def test_a_model_with_the_invariance_reaches_the_ceiling_and_one_without_it_does_not(
    pictures, models, perturbed, invariant, sensitive
):
    with_it, without_it = (
        stir.invariance(nn.Sequential(models[name]), pictures, perturbed(pictures), layer="0") for name in (invariant, sensitive)
    )
    assert with_it.score == pytest.approx(1, abs=1e-5)
    assert with_it.excess == pytest.approx(1, abs=1e-4)
    assert 0 < with_it.null_p_value < 1e-6
    assert with_it.calibrated == pytest.approx(1, abs=1e-4)
    assert without_it.score < 0.95
    assert without_it.excess < 0.5


def test_a_perturbation_that_rotates_the_features_of_all_images_alike_is_none_to_cka(pictures, models):
    found = stir.invariance(nn.Sequential(models["pixels"]), pictures, pictures.roll((2, 3), dims=(2, 3)), layer="0")
    assert found.score == pytest.approx(1)


def test_noise_of_the_same_length_has_no_excess(pictures, models, generator):
    noisy = (pictures + 0.2 * torch.randn(pictures.shape, generator=generator)).clamp(0, 1)
    found = stir.invariance(nn.Sequential(models["pixels"]), pictures, noisy, layer="0")
    assert found.excess == pytest.approx(0, abs=0.1)
    assert found.interval.low < found.noise < found.interval.high
    assert 0 < found.noise_sd < 0.05


def test_the_random_seed_determines_the_controls(pictures, models):
    model, perturbed = nn.Sequential(models["pixels"]), _translated(pictures)
    one, same, other = (stir.invariance(model, pictures, perturbed, layer="0", random_seed=number) for number in (1, 1, 2))
    assert one == same
    assert one == replace(same, untrained=float("nan")), "NaN equals another NaN"
    assert hash(one) == hash(replace(same, untrained=float("nan")))
    assert one != replace(same, untrained=0.5)
    assert one != "a score"
    assert (one.score, one.noise) != (other.score, other.noise)


def test_measures_without_a_jackknife_have_no_interval(pictures, models):
    perturbed = _translated(pictures)
    found = stir.invariance(nn.Sequential(models["translation"]), pictures, perturbed, layer="0", similarity_measure="procrustes")
    assert found.interval is None


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda x: x[1:], "shape"),
        (lambda x: 2 * x, "perturbed_images"),
        (lambda x: x * torch.nan, "perturbed_images"),
        (lambda x: x[:, :1], "shape"),
    ],
    ids=["fewer", "out of range", "NaN", "other channels"],
)
def test_perturbed_images_that_do_not_pair_with_the_images_are_refused(pictures, models, spoil, match):
    with pytest.raises(InvalidInputError, match=match):
        stir.invariance(models["pixels"], pictures, spoil(pictures), layer="")


def test_a_model_that_draws_at_random_is_refused(pictures):
    class Noisy(nn.Module):
        def forward(self, images):
            return images.flatten(1) + torch.rand(1)

    with pytest.raises(NondeterministicModelError, match="differently the second time"):
        stir.invariance(nn.Sequential(Noisy()), pictures, _translated(pictures), layer="0")
