"""Preprocessing as part of the model: sizes, normalisation, and what classifiers give."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import stir
from stir.errors import InvalidInputError
from stir.models import Architecture, Normalise, Preprocessed, Resize, build_model, checkpoint_facts, logits_of, save_model


def test_images_are_resized_bilinearly_with_antialiasing(generator):
    images = torch.rand(2, 3, 40, 30, generator=generator)
    resized = Resize(8, 12)(images)
    expected = nn.functional.interpolate(images, (8, 12), mode="bilinear", antialias=True)
    torch.testing.assert_close(resized, expected, rtol=0, atol=0)
    assert Resize(40, 30)(images) is images


def test_a_gradient_reaches_every_pixel_that_is_resized(generator):
    images = torch.rand(1, 3, 33, 33, generator=generator, requires_grad=True)
    Resize(8, 8)(images).square().sum().backward()
    assert (images.grad != 0).all()


def test_networks_of_other_sizes_see_the_same_pixels(generator):
    small, large = (Preprocessed(nn.Flatten(), Normalise(mean=(0.5,), std=(0.25,)), size=(side, side)) for side in (4, 16))
    images = torch.rand(2, 1, 8, 8, generator=generator)
    assert (small(images).shape, large(images).shape) == ((2, 16), (2, 256))
    assert (small.size, Preprocessed(nn.Flatten(), Normalise(1)).size) == ((4, 4), None)


@pytest.mark.parametrize("size", [(0, 4), (4, -1)])
def test_a_size_without_pixels_is_refused(size):
    with pytest.raises(InvalidInputError, match="at least 1 x 1"):
        Resize(*size)


def test_a_normalisation_is_given_by_its_numbers():
    normalise = stir.Normalise(mean=(0.1, 0.2), std=(0.5, 0.25))
    images = torch.full((1, 2, 1, 1), 0.6)
    torch.testing.assert_close(normalise(images).flatten(), torch.tensor([1.0, 1.6]))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mean": (0.5,)},
        {"std": (0.5,)},
        {"mean": (0.5, 0.5), "std": (1.0,)},
        {"mean": (0.5,), "std": (0.0,)},
        {"channels": 3, "mean": (0.5,), "std": (1.0,)},
        {"mean": (), "std": ()},
    ],
    ids=str,
)
def test_half_a_normalisation_is_refused(given):
    with pytest.raises(InvalidInputError, match="Expected channels, or a mean and a positive std per channel"):
        Normalise(**given)


@pytest.mark.parametrize(("resize", "size"), [((6, 5), (6, 5)), ("none", None), (None, None)])
def test_small_networks_resize_where_they_are_told_to(resize, size, generator):
    architecture = Architecture("resnet8", 4, 1, 3, resize=resize)
    model, plain = build_model(architecture).eval(), build_model(Architecture("resnet8", 4, 1, 3)).eval()
    assert model.state_dict().keys() == plain.state_dict().keys()
    images = torch.rand(2, 1, 12, 12, generator=generator)
    torch.testing.assert_close(model(images), plain(images if size is None else Resize(*size)(images)))


def test_a_file_says_what_size_its_model_takes(tmp_path):
    architecture = Architecture("torchvision.shufflenet_v2_x0_5", classes=3, resize=(64, 48))
    model = build_model(architecture)
    assert (model.size, model.network.fc.out_features) == ((64, 48), 3)
    save_model(tmp_path / "m.safetensors", model, architecture, {})
    assert checkpoint_facts(tmp_path / "m.safetensors")["input_size"] == "64 x 48"


SCORES = torch.rand(2, 5)


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (SCORES, True),
        (SimpleNamespace(logits=SCORES), True),
        ({"logits": SCORES}, True),
        ((SCORES, torch.rand(2, 3)), True),
        ([SCORES], True),
        ({"features": SCORES}, False),
        (SimpleNamespace(last_hidden_state=SCORES), False),
        (torch.rand(2, 5, 3), False),
        (torch.zeros(2, 5, dtype=torch.long), False),
        ((), False),
        (None, False),
    ],
    ids=[*"abcdefghijk"],
)
def test_scores_per_class_are_found_in_an_output(output, found):
    assert (logits_of(output) is SCORES) == found
    assert found or logits_of(output) is None
