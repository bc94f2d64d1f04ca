"""Titles of figures: within the figure's width, with nouns in the right number."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure

FONT_SIZE = 10
CHARACTERS_PER_INCH = 12
"""Of a title; fewer than fit, since letters differ in width."""


def add_title(figure: Figure, text: str) -> None:
    """Write a title above a figure, on as many lines as it needs, and in a smaller font if a line is still too wide."""
    characters = int(figure.get_figwidth() * CHARACTERS_PER_INCH)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, characters, break_on_hyphens=False)]
    title = figure.suptitle("\n".join(lines), fontsize=FONT_SIZE)
    title.set_fontsize(FONT_SIZE * min(1, 0.97 * figure.bbox.width / title.get_window_extent().width))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 pair``, ``2 pairs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def measured_with(rows: pd.DataFrame) -> str:
    """Return what a figure's title says of how its numbers were measured: the images, the inversion, the random seeds."""
    numbers, methods = (list(rows[column].dropna().unique()) for column in ("n_images", "inversion_method"))
    images = " to ".join(dict.fromkeys(f"{number:,}" for number in (min(numbers), max(numbers))))
    return f"n = {images} images, {', '.join(methods)}, {counted(rows['random_seed'].nunique(), 'inversion seed')}"
