"""Titles of figures: within the figure's width, with nouns in the right number."""

import textwrap
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from stir.plotting.sizes import points, scale

FONT_SIZE = 9
CHARACTERS_PER_INCH = 13.5
"""Of a title; fewer than fit, since letters differ in width."""
INCHES_PER_LINE = 0.16
POINTS_PER_INCH = 72


def add_title(figure: Figure, text: str) -> Text:
    """Write a title above a figure, on as many lines as it needs, and in a smaller font if a line is still too wide."""
    lines = lines_of(text, figure.get_figwidth())
    return figure.suptitle("\n".join(lines), fontsize=fitting_size(lines, points(FONT_SIZE), 0.97 * figure.get_figwidth()))


def title_panel(axes: Axes, text: str, inches: float) -> None:
    """Write a title above a panel, no wider than this."""
    lines = lines_of(text, inches)
    axes.set_title("\n".join(lines), fontsize=fitting_size(lines, points(FONT_SIZE + 1), inches))


def fitting_size(lines: Sequence[str], size: float, inches: float) -> float:
    """Return a font size, or a smaller one in which all lines fit."""
    return size * min(1.0, inches / max((inches_of(line, size) for line in lines), default=inches))


def inches_of(text: str, size: float) -> float:
    """Return how wide a text is in the default font, with a little to spare: hinting makes letters wider."""
    points, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(1.08 * points / POINTS_PER_INCH)


def lines_of(text: str, inches: float) -> list[str]:
    """Return the lines of a title of a figure of this width."""
    characters = max(1, int(inches * CHARACTERS_PER_INCH / scale()))
    return [part for line in text.split("\n") for part in textwrap.wrap(line, characters, break_on_hyphens=False)]


def inches_of_lines(text: str, inches: float) -> float:
    """Return how tall a title of a figure of this width is."""
    return INCHES_PER_LINE * scale() * len(lines_of(text, inches))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 pair``, ``2 pairs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def measured_with(rows: pd.DataFrame) -> str:
    """Return what a figure's title says of how its numbers were measured: the images, the inversion, the random seeds."""
    numbers, methods = (list(rows[column].dropna().unique()) for column in ("n_images", "inversion_method"))
    images = " to ".join(dict.fromkeys(f"{number:,}" for number in (min(numbers), max(numbers))))
    return f"n = {images} images, {', '.join(methods)}, {counted(rows['random_seed'].nunique(), 'inversion seed')}"
