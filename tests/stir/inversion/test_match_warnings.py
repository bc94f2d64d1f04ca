"""An inversion says so where its images match no better than others would."""

import re
import warnings

import pytest
import torch

from stir.errors import MatchWarning
from stir.inversion.cautions import warn_of_no_match
from stir.inversion.result import Matches


def matches(correlation, null):
    n = len(correlation)
    return Matches(torch.zeros(n), torch.tensor(correlation), torch.tensor(null), torch.zeros(n, dtype=torch.long))


def said(correlation, null, seed_error=1.0):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_no_match(matches(correlation, null), torch.full((len(correlation),), seed_error), 0.1)
    assert all(issubclass(one.category, MatchWarning) for one in caught)
    return [str(one.message) for one in caught]


def test_a_match_under_its_null_is_warned_of():
    (message,) = said([0.98] * 20, [0.5] * 10 + [0.996] * 10)
    assert re.match(r"X' correlates with X by 0\.980 \(median\), and with other images by up to 0\.996", message)


def test_images_that_are_alike_before_anything_is_inverted_are_warned_of():
    (message,) = said([0.9999] * 20, [0.5] * 20, seed_error=0.05)
    assert message.startswith("Half of the seed images are represented within the tolerance 0.1")


@pytest.mark.parametrize(
    ("correlation", "null"),
    [([0.999] * 20, [0.5] * 19 + [0.99]), ([0.5], [0.5]), ([float("nan")] * 3, [float("nan")] * 3)],
    ids=["better than its null", "a single image has no other", "one feature has no correlation"],
)
def test_nothing_is_said_of_a_good_match_or_where_nothing_is_known(correlation, null):
    assert said(correlation, null) == []


def test_shared_invariance_warns_of_representations_that_are_alike(linear_model, flat_images, generator):
    from stir import shared_invariance

    matrix = torch.randn(20, 64, generator=generator, dtype=torch.float64)
    model = linear_model(matrix)
    settings = {"layer": "0", "pixel_bounds": None, "tolerance": 100.0, "max_iterations": 1}
    with pytest.warns(MatchWarning, match="Half of the seed images") as caught:
        shared_invariance(reference_model=model, target_model=model, images=flat_images, **settings)
    assert MatchWarning in {warning.category for warning in caught}
