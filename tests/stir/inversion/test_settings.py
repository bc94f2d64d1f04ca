"""Settings of inversions: each has an effect, a description and a check; the list stands once."""

import inspect
import re
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from stir.errors import InvalidInputError
from stir.inversion import METHODS, InversionSettings, InversionSnapshot, invert
from stir.inversion.descent import Stopping
from stir.inversion.problem import InversionProblem

BEFORE = {"method": "normalised_gradient", "max_iterations": 8, "tolerance": 0.1, "batch_size": 8}
OTHER_VALUES = {
    "method": "lbfgs",
    "seed_images": "white",
    "precision": "bfloat16",
    "fake_last_relu": True,
    "tolerance": 0.05,
    "max_iterations": 9,
    "batch_size": 3,
    "pixel_bounds": (-1.0, 2.0),
    "pooling": "spatial_mean",
}
"""Another value of every setting than that of `BEFORE`, or than the default. A new setting has to be added here."""


@pytest.fixture
def found_with(images, monkeypatch):
    """Return a function settings -> the result of an inversion, and how many images each evaluation had."""
    evaluate, sizes = InversionProblem.errors_and_gradients, []

    def watched(self, pictures, targets):
        sizes.append(len(pictures))
        return evaluate(self, pictures, targets)

    def found(**settings):
        torch.manual_seed(0)
        convolutions = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.AdaptiveAvgPool2d(2)
        model = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(24, 3))
        sizes.clear()
        inversion = invert(model, images, layer="3", random_seed=0, settings=InversionSettings(**settings))
        values = [getattr(inversion, field.name) for field in fields(inversion)]
        return [value.tolist() if isinstance(value, torch.Tensor) else value for value in values], list(sizes)

    monkeypatch.setattr(InversionProblem, "errors_and_gradients", watched)
    return found


@pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")
@pytest.mark.parametrize("name", [field.name for field in fields(InversionSettings)])
def test_every_setting_has_an_effect(found_with, name):
    assert name in OTHER_VALUES, "test_settings.py: OTHER_VALUES"
    before = found_with(**BEFORE)
    assert found_with(**BEFORE) == before
    assert found_with(**BEFORE | {name: OTHER_VALUES[name]}) != before


def test_every_setting_is_described():
    for field in fields(InversionSettings):
        assert re.search(rf'^    {field.name}: .*\n    """\S', inspect.getsource(InversionSettings), re.MULTILINE), field.name


def test_settings_and_keywords_are_the_same(small_net, images):
    settings = InversionSettings(tolerance=0.2, seed_images="black")
    whole = invert(small_net, images, random_seed=0, settings=settings)
    for found in (
        invert(small_net, images, random_seed=0, tolerance=0.2, seed_images="black"),
        invert(small_net, images, random_seed=0, settings=replace(settings, tolerance=0.1), tolerance=0.2),
    ):
        assert torch.equal(found.iri_images, whole.iri_images)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerence": 0.1}, r"Unknown inversion setting 'tolerence'\. Did you mean 'tolerance'\?"),
        ({"last_relu": "fake"}, r"Unknown inversion setting 'last_relu'\. Did you mean 'fake_last_relu'\?"),
        (
            {"settings": {"tolerance": 0.1}},
            r"Expected settings as InversionSettings; got dict\. Pass InversionSettings",
        ),
    ],
)
def test_unknown_settings_are_refused(small_net, images, changes, message):
    with pytest.raises(InvalidInputError, match=message):
        invert(small_net, images, random_seed=0, **changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fake_last_relu": "fake", "method": "normalised_gradient"}, r"Expected fake_last_relu as True or False; got 'fake'"),
        ({"fake_last_relu": True}, r"Expected method 'normalised_gradient' with fake_last_relu; got 'lbfgs'"),
        ({"precision": "float16"}, r"Unknown precision 'float16'\. Did you mean 'bfloat16'"),
        ({"max_iterations": 2.5}, r"Expected max_iterations >= 1; got 2\.5"),
    ],
)
def test_settings_are_checked_when_they_are_made(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        InversionSettings(**settings)


def test_settings_are_frozen_and_their_numbers_plain():
    settings = InversionSettings(
        tolerance=np.float64(0.25), batch_size=np.int64(7), max_iterations=np.int64(3), pixel_bounds=[0, 2]
    )
    assert settings == InversionSettings(tolerance=0.25, batch_size=7, max_iterations=3, pixel_bounds=(0.0, 2.0))
    assert [type(value) for value in (settings.tolerance, settings.batch_size, settings.max_iterations)] == [float, int, int]
    with pytest.raises(FrozenInstanceError):
        settings.tolerance = 1


@pytest.mark.parametrize("method", METHODS)
def test_without_max_iterations_the_method_says_how_many(method):
    assert InversionSettings(method=method).stopping == Stopping(0.05, METHODS[method].default_max_iterations)
    assert InversionSettings(method=method, max_iterations=7).stopping == Stopping(0.05, 7)


def test_a_snapshot_is_of_the_iterations_that_are_made_however_they_are_said(tmp_path, small_net, images):
    path, settings = tmp_path / "state.tmp", {"random_seed": 0, "tolerance": 0.02}
    invert(small_net, images, snapshot=InversionSnapshot(path, seconds=0), **settings)
    loaded = InversionSnapshot(path)
    loaded.pictures(images.shape, images.dtype)
    assert loaded.load({})["settings"]["max_iterations"] == METHODS["lbfgs"].default_max_iterations
