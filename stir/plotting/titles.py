"""Titles of figures: within the figure's width, with nouns in the right number."""

import textwrap
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

FONT_SIZE = 9
CHARACTERS_PER_INCH = 13.5
"""Of a title; fewer than fit, since letters differ in width."""
INCHES_PER_LINE = 0.16
POINTS_PER_INCH = 72


def add_title(figure: Figure, text: str) -> None:
    """Write a title above a figure, on as many lines as it needs, and in a smaller font if a line is still too wide."""
    lines = lines_of(text, figure.get_figwidth())
    figure.suptitle("\n".join(lines), fontsize=fitting_size(lines, FONT_SIZE, 0.97 * figure.get_figwidth()))


def title_panel(axes: Axes, text: str, inches: float) -> None:
    """Write a title above a panel, no wider than this."""
    lines = lines_of(text, inches)
    axes.set_title("\n".join(lines), fontsize=fitting_size(lines, FONT_SIZE + 1, inches))


def fitting_size(lines: Sequence[str], size: float, inches: float) -> float:
    """Return a font size, or a smaller one in which all lines fit."""
    return size * min(1.0, inches / max((inches_of(line, size) for line in lines), default=inches))


def inches_of(text: str, size: float) -> float:
    """Return how wide a text is in the default font, with a little to spare: hinting makes letters wider."""
    return float(1.08 * TextPath((0, 0), text, size=size, usetex=False).get_extents().width / POINTS_PER_INCH)


def lines_of(text: str, inches: float) -> list[str]:
    """Return the lines of a title of a figure of this width."""
    characters = int(inches * CHARACTERS_PER_INCH)
    return [part for line in text.split("\n") for part in textwrap.wrap(line, characters, break_on_hyphens=False)]


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 pair``, ``2 pairs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def measured_with(rows: pd.DataFrame) -> str:
    """Return what a figure's title says of how its numbers were measured: the images, the inversion, the random seeds."""
    numbers, methods = (list(rows[column].dropna().unique()) for column in ("n_images", "inversion_method"))
    images = " to ".join(dict.fromkeys(f"{number:,}" for number in (min(numbers), max(numbers))))
    return f"n = {images} images, {', '.join(methods)}, {counted(rows['random_seed'].nunique(), 'inversion seed')}"
