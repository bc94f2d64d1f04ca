"""One matrix of scores in axes: reference in rows, target in columns, numbers in cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from stir.errors import InvalidInputError, check_known
from stir.flags import is_not_above_null
from stir.plotting.colours import NO_COLOUR, ink_on, limits, limits_about_zero, shade
from stir.plotting.marks import is_starred, marked
from stir.plotting.sizes import FONT_SIZE, points
from stir.plotting.titles import inches_of

SCORES = {"stir": "STIR", "similarity": "plain similarity", "stir_excess": "excess over noise"}
"""Columns of a table of scores that are drawn as matrices -> what they are."""
EXCESS = "stir_excess"
LEGIBLE = 30
"""Models up to which cells hold digits; beyond, they hold only marks."""
FONT_SIZE_OF_SMALL_CELLS = 6.5
LEAST_FONT_SIZE = 4.0
"""Points of digits; cells that are too small for them hold only marks."""
PART_OF_CELL = 0.94
"""That digits may fill."""
WIDEST_DIGITS = "-0.00*"
LONGEST_SLANTED = 12
"""Characters of a name that is written at 45 degrees; longer ones would take the place of the panel on the left."""

Models = tuple[list[str], list[str]]
"""References (rows) and targets (columns)."""


@dataclass(frozen=True)
class Panel:
    """A matrix: its column of the table, its title, and its colours."""

    column: str
    title: str
    colormap: str
    ends: tuple[float, float]


def models_of(scores: pd.DataFrame) -> Models:
    """Return references and targets in the order of a table."""
    return list(scores["reference_model"].unique()), list(scores["target_model"].unique())


def label_of(panel: Panel, scores: pd.DataFrame) -> str:
    """Return what the colour bar of a matrix is labelled with."""
    return panel.title if panel.column == EXCESS else str(scores["similarity_measure"].iloc[0])


def has_excess(scores: pd.DataFrame) -> bool:
    """Return whether a table has the excess over noise."""
    return EXCESS in scores and bool(scores[EXCESS].notna().any())


def panels_of(scores: pd.DataFrame, columns: Sequence[str] | None = None) -> list[Panel]:
    """Return the matrices of a table: STIR and plain similarity with one scale of colours, the excess about 0.

    Raises
    ------
    InvalidInputError
        If a column is none of `SCORES`, or the table has no number in it.
    """
    if columns is None:
        columns = list(SCORES) if has_excess(scores) else ["stir", "similarity"]
    for column in columns:
        check_known("score", column, SCORES)
    if EXCESS in columns and not has_excess(scores):
        raise InvalidInputError(
            f"Expected a table with numbers in {EXCESS}; got one without. Leave this score out, or make the table again, with "
            "`make run`."
        )
    different = scores[scores["reference_model"] != scores["target_model"]]
    ends = limits(different[[column for column in columns if column != EXCESS]].to_numpy(float).ravel())
    titles = SCORES | {"similarity": f"plain {scores['similarity_measure'].iloc[0]}"}
    return [
        Panel(column, titles[column], "PuOr", limits_about_zero(different[EXCESS].to_numpy(float)))
        if column == EXCESS
        else Panel(column, titles[column], "viridis", ends)
        for column in columns
    ]


def draw_matrix(
    axes: Axes, scores: pd.DataFrame, panel: Panel, *, cell: float | None = None, intervals: bool = False
) -> QuadMesh:
    """Draw a matrix.

    Parameters
    ----------
    axes : Axes
        Where to.
    scores : DataFrame
        Rows of a score table for one layer, measure and dataset of images; averaged over inversion seeds.
    panel : Panel
        From `panels_of`.
    cell : float, optional
        Inches of a cell, which its digits must fit into; by default digits stand in matrices of up to `LEGIBLE` models.
    intervals : bool
        Whether cells of STIR hold the 95% interval over images, too.
    """
    models = references, targets = models_of(scores)
    same = np.array([[reference == target and len(targets) > 1 for target in targets] for reference in references])
    coloured = np.where(same, np.nan, _matrix(scores, scores[panel.column], models))
    size = size_of_digits(cell, "[0.00, 0.00]" if intervals and panel.column == "stir" else WIDEST_DIGITS)
    small = max(coloured.shape) > LEGIBLE if cell is None else size is None
    size = None if small else size
    axes.set_facecolor(NO_COLOUR)
    masked, (low, high) = np.ma.masked_invalid(coloured), panel.ends
    mesh = axes.pcolormesh(masked, vmin=low, vmax=high, cmap=panel.colormap, rasterized=max(coloured.shape) > LEGIBLE)
    colormap = matplotlib.colormaps[panel.colormap]
    inks = [[ink_on(shade(value, panel.ends, colormap)) for value in row] for row in coloured]
    _write(axes, _texts(scores, panel, models, digits=size is not None), inks, size=size or points(FONT_SIZE_OF_SMALL_CELLS))
    if intervals and panel.column == "stir" and size is not None:
        below = points(FONT_SIZE_OF_SMALL_CELLS) if cell is None else size * FONT_SIZE_OF_SMALL_CELLS / FONT_SIZE
        _write(axes, _texts_of_intervals(scores, models), inks, below=0.28, size=below)
    _label(axes, models, points(FONT_SIZE_OF_SMALL_CELLS if small and cell is None else FONT_SIZE))
    axes.set_title(panel.title, fontsize=points(11))
    return mesh


def size_of_digits(cell: float | None, widest: str) -> float | None:
    """Return the font size of digits that fit into a cell; None if they would be too small to read."""
    size = points(FONT_SIZE)
    if cell is None:
        return size
    fitting = size * min(1.0, PART_OF_CELL * cell / inches_of(widest, size))
    return fitting if fitting >= LEAST_FONT_SIZE else None


def add_colour_bar(axes: Axes, mesh: QuadMesh, panel: Panel, label: str, *, across: float | None = None) -> None:
    """Add a colour bar as tall as the matrix on its left, with pointed ends where values lie beyond them.

    Parameters
    ----------
    axes, mesh, panel
        The matrix.
    label : str
        Of the bar.
    across : float, optional
        Inches of the matrix; by default those that it has.
    """
    figure = axes.figure
    assert isinstance(figure, Figure)
    values: np.ndarray = np.ma.compressed(np.ma.asarray(mesh.get_array()))
    beyond = bool((values < panel.ends[0]).any()), bool((values > panel.ends[1]).any())
    pointed = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    across = across or axes.get_position().width * figure.get_figwidth()
    place = axes.inset_axes((1 + 0.1 / across, 0, 0.15 / across, 1))
    bar = figure.colorbar(mesh, cax=place, label=label, extend=pointed)
    if bar.solids is not None:
        bar.solids.set_rasterized(False)  # an image in an SVG costs as much time as the figure


def _label(axes: Axes, models: Models, size: float) -> None:
    references, targets = models
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    if max(map(len, targets)) > LONGEST_SLANTED:
        slant = {"rotation": 90}
    axes.set_xticks(np.arange(len(targets)) + 0.5, targets, fontsize=size, **slant)
    axes.set_yticks(np.arange(len(references)) + 0.5, references, fontsize=size)
    axes.set(xlabel="target model", xlim=(0, len(targets)), ylim=(len(references), 0))


def _matrix(scores: pd.DataFrame, values: pd.Series, models: Models) -> np.ndarray:
    """Return means with the reference in rows and the target in columns; a number that is missing is not averaged away."""
    groups = scores.assign(values=values).groupby(["reference_model", "target_model"], sort=False)["values"]
    means = groups.mean().where(groups.count() == groups.size()).unstack()
    return means.reindex(index=models[0], columns=models[1]).to_numpy(dtype=float)


def _texts(scores: pd.DataFrame, panel: Panel, models: Models, *, digits: bool) -> list[list[str]]:
    """Return what cells say: the score, and the marks of any of its inversion seeds."""
    if panel.column == "similarity":
        flagged, null = is_starred(scores, "similarity"), pd.Series(False, scores.index)
    else:
        flagged, null = is_starred(scores, "stir"), is_not_above_null(scores)
    matrices = (_matrix(scores, column, models) for column in (scores[panel.column], flagged.astype(float), null.astype(float)))
    return [
        [marked(value, flagged=star > 0, not_above_null=ring > 0, digits=digits) for value, star, ring in zip(*row, strict=True)]
        for row in zip(*matrices, strict=True)
    ]


def _texts_of_intervals(scores: pd.DataFrame, models: Models) -> list[list[str]]:
    ends = (_matrix(scores, scores[column], models) for column in ("stir_low", "stir_high"))
    return [
        ["" if low != low or high != high else f"[{low:.2f}, {high:.2f}]" for low, high in zip(*row, strict=True)]
        for row in zip(*ends, strict=True)
    ]


def _write(axes: Axes, texts: list[list[str]], inks: list[list[str]], *, size: float, below: float = 0.0) -> None:
    """Write texts into cells; ``below`` their middle, in cells."""
    for row, (of_row, inks_of_row) in enumerate(zip(texts, inks, strict=True)):
        for column, (text, ink) in enumerate(zip(of_row, inks_of_row, strict=True)):
            if text:
                place = column + 0.5, row + 0.5 + below
                # Inside the axes, so the layout need not measure it.
                axes.text(*place, text, ha="center", va="center", color=ink, fontsize=size, in_layout=False)
