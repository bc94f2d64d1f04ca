"""Digits are legible on every colour, and colours span the scores that there are."""

import matplotlib
import numpy as np
import pytest

from stir.plotting.colours import LEAST_CONTRAST, NO_COLOUR, contrast, ink_on, limits, limits_about_zero, shade


@pytest.mark.parametrize("name", ["viridis", "PuOr"])
def test_digits_have_the_contrast_of_wcag_on_every_colour_of_a_map(name):
    colormap = matplotlib.colormaps[name]
    colours = [NO_COLOUR, *(shade(value, (0.2, 0.9), colormap) for value in np.linspace(0, 1.1, 1101))]
    assert min(contrast(ink_on(colour), colour) for colour in colours) >= LEAST_CONTRAST


def test_contrast_is_that_of_wcag():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.005)


def test_a_cell_without_a_number_has_no_colour_of_the_scale():
    assert shade(np.nan, (0, 1), matplotlib.colormaps["viridis"]) == NO_COLOUR


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.27, 0.94], (0.2, 1.0)),
        ([0.3, 0.9], (0.3, 0.9)),
        ([1.0, 1.0000000000000002], (1.0, 1.1)),
        ([0.5, 0.5], (0.5, 0.6)),
        ([-0.02, np.nan, 0.31], (-0.1, 0.4)),
        ([np.nan], (0.0, 1.0)),
        ([], (0.0, 1.0)),
    ],
)
def test_a_scale_spans_the_scores_between_multiples_of_a_tenth(values, ends):
    assert limits(np.array(values, dtype=float)) == ends


@pytest.mark.parametrize(("values", "end"), [([0.05, -0.33], 0.4), ([3.0, -0.1], 1.0), ([np.nan], 1.0)])
def test_the_scale_of_the_excess_has_0_in_its_middle(values, end):
    assert limits_about_zero(np.array(values)) == (-end, end)
