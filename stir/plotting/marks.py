"""Marks of flagged scores in figures, and the footnote that says in words what they mean and of which models."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.flags import MEANINGS, flagged_models, is_flagged

MARK = "*"
NOTHING = f"–{MARK}"
"""In place of a number where there is none."""
HATCH = "////"
FONT_SIZE = 7
INCHES_PER_LINE = 0.13
CHARACTERS_PER_INCH = 17
"""Of the footnote; fewer than fit, since letters differ in width."""


def marked(value: float, *, flagged: bool) -> str:
    """Return a score as text, with a mark where it is flagged or no number."""
    if value != value:
        return NOTHING
    return f"{value:.2f}{MARK if flagged else ''}"


def any_flagged(rows: pd.DataFrame, score: str) -> bool:
    """Say whether ``stir`` or ``similarity`` of any of these rows is flagged."""
    return bool(is_flagged(rows, score).any())


def mark_points(axes: Axes, places: Sequence[float], values: Sequence[float], flagged: Sequence[bool], colour: str) -> None:
    """Put a star on flagged points of a curve, and a cross on the axis where a point has no number."""
    floor = axes.get_ylim()[0]
    for place, value, is_marked in zip(places, values, flagged, strict=True):
        if value != value:
            axes.plot([place], [floor], "x", color=colour, markersize=9, markeredgewidth=2, clip_on=False, zorder=4)
        elif is_marked:
            axes.plot([place], [value], MARK, color=colour, markersize=13, markeredgecolor="black", zorder=4)


def footnote_of(rows: pd.DataFrame) -> str:
    """Say what is flagged of rows of a score table, with the models named; nothing where nothing is."""
    return said(flagged_models(rows))


def said(flagged: Mapping[str, Sequence[str]]) -> str:
    """Say flags in words, a line each."""
    return "\n".join(f"{MARK} {MEANINGS.get(word, word)} ({word}): {', '.join(models)}" for word, models in flagged.items())


def add_footnote(figure: Figure, text: str) -> None:
    """Make room below a figure for a footnote, and write it there; without text the figure stays as it is."""
    if not text:
        return
    width, height = figure.get_size_inches()
    characters = int(width * CHARACTERS_PER_INCH)
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, characters, subsequent_indent="   ")]
    more = INCHES_PER_LINE * len(lines) + 0.08
    figure.draw_without_rendering()  # lays it out, for the last time
    with matplotlib.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)  # "none" would leave a placeholder, because of which every file is drawn twice
    figure.set_size_inches(width, height + more)
    below = more / (height + more)
    for axes in figure.axes:
        left, bottom, across, up = axes.get_position(original=True).bounds
        axes.set_position((left, below + bottom * (1 - below), across, up * (1 - below)))
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, below, 1, 1 - below), figure.transFigure)
    for title in figure.texts if figure.get_suptitle() else ():
        title.set_y(below + title.get_position()[1] * (1 - below))
    figure.text(0.08 / width, 0.04 / (height + more), "\n".join(lines), va="bottom", fontsize=FONT_SIZE)
