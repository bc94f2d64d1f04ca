"""Marks of flagged scores in figures, and the footnote that says in words what they mean and of which models."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.flags import LARGEST_P_VALUE, MEANINGS, NOT_ABOVE_NULL, flagged_models, is_flagged, is_not_above_null
from stir.plotting.sizes import points, scale
from stir.plotting.titles import counted

MARK = "*"
NULL_MARK = "°"
"""Of STIR that is not above the null."""
NOTHING = "–"
"""In place of a number where there is none."""
HATCH = "////"
FONT_SIZE = 7
INCHES_PER_LINE = 0.13
CHARACTERS_PER_INCH = 17
"""Of the footnote; fewer than fit, since letters differ in width."""


def marked(value: float, *, flagged: bool, not_above_null: bool = False, digits: bool = True) -> str:
    """Return a score as text, or a dash where there is none, with marks where it is flagged or not above the null."""
    number = NOTHING if value != value else f"{value:.2f}" if digits else ""
    return f"{number}{MARK if flagged else ''}{NULL_MARK if not_above_null else ''}"


def is_starred(rows: pd.DataFrame, score: str) -> pd.Series:
    """Return whether ``stir`` or ``similarity`` of each row has a flag, other than that of the null, which has its own mark."""
    return is_flagged(rows, score, without=frozenset({NOT_ABOVE_NULL}))


def any_flagged(rows: pd.DataFrame, score: str) -> bool:
    """Say whether ``stir`` or ``similarity`` of any of these rows is flagged."""
    return bool(is_starred(rows, score).any())


def mark_points(axes: Axes, places: Sequence[float], values: Sequence[float], flagged: Sequence[bool], colour: str) -> None:
    """Put a star on flagged points of a curve, and a cross on the axis where a point has no number."""
    floor = axes.get_ylim()[0]
    for place, value, is_marked in zip(places, values, flagged, strict=True):
        if value != value:
            axes.plot([place], [floor], "x", color=colour, markersize=points(9), markeredgewidth=2, clip_on=False, zorder=4)
        elif is_marked:
            axes.plot([place], [value], MARK, color=colour, markersize=points(13), markeredgecolor="black", zorder=4)


def mark_null(axes: Axes, places: Sequence[float], values: Sequence[float], not_above: Sequence[bool]) -> None:
    """Put the mark of scores that are not above the null beside points of a curve."""
    for place, value, is_marked in zip(places, values, not_above, strict=True):
        if is_marked and value == value:
            axes.annotate(NULL_MARK, (place, value), (4, 0), textcoords="offset points", fontsize=points(11))


def footnote_of(rows: pd.DataFrame) -> str:
    """Say what is flagged of rows of a score table, with the models named, and how many pairs are not above the null."""
    lines = [said(flagged_models(rows, without=frozenset({NOT_ABOVE_NULL})))]
    pairs = rows[["reference_model", "target_model"]]
    if count := len(pairs[is_not_above_null(rows)].drop_duplicates()):
        lines.append(
            f"{NULL_MARK} STIR not above that of shuffled images (p > {LARGEST_P_VALUE} after Holm's correction over the table): "
            f"{count:,} of {counted(len(pairs.drop_duplicates()), 'pair')} of models"
        )
    return "\n".join(filter(None, lines))


def said(flagged: Mapping[str, Sequence[str]]) -> str:
    """Say flags in words, a line each."""
    return "\n".join(f"{MARK} {MEANINGS.get(word, word)} ({word}): {', '.join(models)}" for word, models in flagged.items())


def add_footnote(figure: Figure, text: str) -> None:
    """Make room below a figure for a footnote, and write it there; without text the figure stays as it is."""
    if not text:
        return
    width, height = figure.get_size_inches()
    characters = max(1, int(width * CHARACTERS_PER_INCH / scale()))
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, characters, subsequent_indent="   ")]
    more = INCHES_PER_LINE * scale() * len(lines) + 0.14
    if engine := figure.get_layout_engine():
        engine.execute(figure)  # for the last time
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
    figure.text(0.08 / width, 0.04 / (height + more), "\n".join(lines), va="bottom", fontsize=points(FONT_SIZE))
