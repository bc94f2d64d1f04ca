"""Colours of the cells of matrices: which values they span, and which ink is legible on them."""

import numpy as np
from matplotlib.colors import Colormap, to_rgb
from matplotlib.typing import RGBAColorType

NO_COLOUR = "0.9"
"""Cells without a number, and those of a model with itself."""
STEP = 0.1
"""Colour scales begin and end at multiples of this."""
LEAST_CONTRAST = 4.5
"""Of WCAG 2.2, level AA, for text; black or white reaches it on every colour."""


def limits(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the colour scale of scores: the least multiples of 0.1 that enclose them; 0 and 1 if there are none."""
    found = values[np.isfinite(values)]
    if not found.size:
        return 0.0, 1.0
    # Rounded first: 1.0000000000000002 is a score of 1.
    low, high = (round(float(end), 6) / STEP for end in (found.min(), found.max()))
    ends = int(np.floor(round(low, 4))), int(np.ceil(round(high, 4)))
    return round(ends[0] * STEP, 1), round(max(ends[1], ends[0] + 1) * STEP, 1)


def limits_about_zero(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of a colour scale whose middle is 0, at most -1 and 1."""
    end = min(1.0, limits(np.abs(values))[1])
    return -end, end


def luminance(colour: RGBAColorType) -> float:
    """Return the relative luminance of an sRGB colour, from 0 (black) to 1 (white), by WCAG 2.2."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


def contrast(first: RGBAColorType, second: RGBAColorType) -> float:
    """Return the contrast of two colours, from 1 to 21, by WCAG 2.2."""
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def ink_on(colour: RGBAColorType) -> str:
    """Return black or white: whichever is easier to read on a colour."""
    return max(("black", "white"), key=lambda ink: contrast(ink, colour))


def shade(value: float, ends: tuple[float, float], colormap: Colormap) -> RGBAColorType:
    """Return the colour of a value's cell."""
    if not np.isfinite(value):
        return NO_COLOUR
    return colormap((value - ends[0]) / (ends[1] - ends[0]))
