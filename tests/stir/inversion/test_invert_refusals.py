"""What an inversion refuses: arguments that cannot be used, and models that cannot be inverted."""

import pytest
import torch
from torch import nn

from stir.errors import ConvergenceWarning, InvalidInputError, InversionError
from stir.inversion import invert
from stir.seed_images import SEED_IMAGES

METHODS = ("lbfgs", "lbfgs_adam", "normalised_gradient")


class Apply(nn.Module):
    """Apply a function to an activation."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def _model(function):
    """Flatten, apply the function; a classifier makes its output the default layer."""
    return nn.Sequential(nn.Flatten(), Apply(function), nn.Linear(64, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "lbfg"}, r"inversion method 'lbfg'\. Did you mean 'lbfgs' or"),
        ({"seed_images": "normal"}, r"seed image 'normal'\. Did you mean 'normal_noise'\?"),
        ({"tolerance": 0.0}, r"tolerance > 0 .*got 0\.0"),
        ({"tolerance": -1.0}, r"tolerance > 0 .*got -1\.0"),
        ({"tolerance": float("nan")}, r"tolerance > 0 .*got nan"),
        ({"max_iterations": 0}, r"max_iterations >= 1; got 0"),
        ({"pixel_bounds": (1.0, 0.0)}, r"pixel_bounds \(low, high\) with low < high"),
        ({"pixel_bounds": (0.0, 0.5)}, r"reference_images within pixel_bounds \(0\.0, 0\.5\); got values from 0 to 1\. Scale"),
        ({"pooling": "mean"}, r"pooling 'mean'\. Did you mean 'spatial_mean' or 'token_mean'"),
        ({"layer": "hidden"}, r"no layer 'hidden'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_arguments_that_cannot_be_used(small_net, images, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        invert(small_net, images, random_seed=0, **arguments)


def test_images_out_of_the_default_bounds(small_net, images):
    with pytest.raises(InvalidInputError, match=r"reference_images within pixel_bounds \(0\.0, 1\.0\); got values from 0 to 255"):
        invert(small_net, images * 255, random_seed=0)
    with pytest.raises(InvalidInputError, match=r"reference_images of a floating-point type"):
        invert(small_net, (images * 255).to(torch.uint8), random_seed=0)


def test_a_function_is_no_model(images):
    with pytest.raises(InvalidInputError, match=r"torch\.nn\.Module; got function"):
        invert(lambda x: x, images, random_seed=0)


def test_an_image_represented_as_zero_is_named(images):
    images[7] = 0
    with pytest.raises(InversionError, match=r"reference image 7 as zero \(norm 0\).*Choose another layer"):
        invert(_model(lambda x: x), images, random_seed=0)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_an_image_represented_as_nan_or_infinity_is_named(images, bad):
    images[5] = 0
    model = _model(lambda x: torch.where(x.any(dim=1, keepdim=True), x, bad))
    with pytest.raises(InversionError, match=r"NaN or infinity for reference image 5.*overflow"):
        invert(model, images, random_seed=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("blind", [torch.detach, lambda x: x.long().float() + 1], ids=["detach", "integers"])
def test_a_model_that_cuts_the_gradient(images, method, blind):
    with pytest.raises(InversionError, match=r"does not depend on the images in a way that gradients follow"):
        invert(_model(blind), images, random_seed=0, method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "dead", [lambda x: torch.relu(x - 5) + x.round() + 1, lambda x: x.sign() + 2], ids=["dead units", "sign"]
)
def test_a_layer_that_does_not_see_the_pixels(images, method, dead):
    with pytest.raises(InversionError, match=r"gradient is zero for all seed images.*Choose another layer"):
        invert(_model(dead), images, random_seed=0, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_that_is_not_finite(images, method):
    model = _model(lambda x: 1 + (x - x).sqrt() + x)
    with pytest.raises(InversionError, match=r"gradient at the seed images has NaN or infinity"):
        invert(model, images, random_seed=0, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_one_dead_seed_image_in_a_batch_of_its_own_does_not_stop_the_others(images, method, monkeypatch):
    def last_black(seeds, index):
        return SEED_IMAGES["uniform_noise"](seeds, index) * (index < 3).view(-1, *[1] * (len(seeds.shape) - 1))

    monkeypatch.setitem(SEED_IMAGES, "last_black", last_black)
    weights = torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    with pytest.warns(ConvergenceWarning, match="1 of 4"):
        inversion = invert(
            _model(lambda x: torch.relu(x @ weights)),
            images[:4],
            random_seed=0,
            method=method,
            seed_images="last_black",
            batch_size=3,
            tolerance=0.2,
        )
    assert inversion.converged.tolist() == [True, True, True, False]
    assert inversion.inversion_error[-1] == 1
