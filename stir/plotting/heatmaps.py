"""Who shares whose invariances: STIR, plain similarity and the excess over noise side by side, in the poster's form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.flags import is_flagged
from stir.plotting.colours import NO_COLOUR, ink_on, limits, limits_about_zero, shade
from stir.plotting.marks import add_footnote, footnote_of, is_not_above_null, marked
from stir.plotting.titles import INCHES_PER_LINE, add_title, inches_of, lines_of, measured_with
from stir.table_layers import features_text, layer_name

LONGEST_NAME = 60
"""Characters of a layer's names in a title."""
LEGIBLE = 30
"""Models up to which cells hold digits; beyond, they hold only marks."""
INCHES_PER_CELL = 0.5
INCHES_PER_CELL_WITH_INTERVAL = 0.85
INCHES_PER_SMALL_CELL = 0.13
FONT_SIZE = 8.5
FONT_SIZE_OF_SMALL_CELLS = 6.5
LEAST_INCHES = 2.1
"""Of a panel, so that its title fits."""
LONGEST_SLANTED = 12
"""Characters of a name that is written at 45 degrees; longer ones would take the place of the panel on the left."""

_Models = tuple[list[str], list[str]]
"""References (rows) and targets (columns)."""


@dataclass(frozen=True)
class _Panel:
    """A matrix: its column of the table, its title, and its colours."""

    column: str
    title: str
    colormap: str
    ends: tuple[float, float]


def draw_heatmaps(scores: pd.DataFrame, label: str | None = None, *, intervals: bool = False) -> Figure:
    """Draw matrices of STIR, plain similarity and excess, reference in rows and target in columns.

    Both scores have one colour scale, which spans the scores of different models. The excess, where the table has it, has a
    scale of its own, whose middle is 0: the target shares no more than its robustness to noise of the same size explains.
    Cells that are flagged, or whose STIR is not above the null, are marked, and a note says what the marks mean.

    Parameters
    ----------
    scores : DataFrame
        Rows of a score table for one layer, measure and dataset of images; averaged over inversion seeds.
    label : str, optional
        What the layer is called in the title where the models' names of it are too long for one.
    intervals : bool
        Whether cells of STIR hold the 95% interval over images, too.

    Raises
    ------
    InvalidInputError
        If intervals are asked for and the table has none.
    """
    if intervals and "stir_low" not in scores:
        raise InvalidInputError(
            "Expected the columns stir_low and stir_high; got a table without. Make it again, with `make run`."
        )
    models = list(scores["reference_model"].unique()), list(scores["target_model"].unique())
    panels, title = _panels(scores), _title(scores, label)
    figure = Figure(figsize=_size(models, panels, title, intervals=intervals), layout="constrained")
    grid = list(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0])
    meshes = [_draw(axes, scores, panel, models, intervals=intervals) for axes, panel in zip(grid, panels, strict=True)]
    grid[0].set_ylabel("reference model")
    _add_colour_bar(figure, grid[1], meshes[1], panels[1].ends, str(scores["similarity_measure"].iloc[0]))
    if len(panels) > 2:
        _add_colour_bar(figure, grid[2], meshes[2], panels[2].ends, panels[2].title)
    add_title(figure, title)
    add_footnote(figure, _note(scores, intervals=intervals))
    return figure


def _panels(scores: pd.DataFrame) -> list[_Panel]:
    different = scores[scores["reference_model"] != scores["target_model"]]
    ends = limits(different[["stir", "similarity"]].to_numpy().ravel())
    measure = scores["similarity_measure"].iloc[0]
    found = [_Panel("stir", "STIR", "viridis", ends), _Panel("similarity", f"plain {measure}", "viridis", ends)]
    if "stir_excess" in scores and scores["stir_excess"].notna().any():
        found.append(_Panel("stir_excess", "excess over noise", "PuOr", limits_about_zero(different["stir_excess"].to_numpy())))
    return found


def _size(models: _Models, panels: Sequence[_Panel], title: str, *, intervals: bool) -> tuple[float, float]:
    references, targets = models
    cell = INCHES_PER_CELL_WITH_INTERVAL if intervals else INCHES_PER_CELL
    if max(len(references), len(targets)) > LEGIBLE:
        cell = INCHES_PER_SMALL_CELL
    beside, below = (0.6 + max(inches_of(name, FONT_SIZE) for name in names) for names in models)
    panel = max(cell * len(targets), LEAST_INCHES) + 0.3
    width = beside + panel * len(panels) + 0.8 * (len(panels) - 1)
    return width, max(cell * len(references), 1.2) + below + 0.7 + INCHES_PER_LINE * len(lines_of(title, width))


def _title(scores: pd.DataFrame, label: str | None) -> str:
    name = layer_name(scores)
    shown = name if len(name) <= LONGEST_NAME or label is None else label
    said = [f"layer {shown}", features_text(scores), f"images of {scores['images_dataset'].iloc[0]}", measured_with(scores)]
    error, converged = scores["inversion_error_median"].median(), scores["converged_fraction"].min()
    if error == error:  # X' that are given were not inverted
        said += [f"inversion error (median) {error:.3f}", f"converged at least {converged:.0%}"]
    return ", ".join(filter(None, said))


def _note(scores: pd.DataFrame, *, intervals: bool) -> str:
    lines = [footnote_of(scores)]
    if intervals:
        lines.append("[low, high]: 95% interval over images, its ends averaged over inversion seeds")
    if "stir_excess" in scores and scores["stir_excess"].notna().any():
        lines.append(
            "excess: (STIR - noise) / (ceiling - noise); 0: no more than robustness to noise of the same size explains; "
            "1: as much as the reference itself"
        )
    if {*scores["reference_model"]} & {*scores["target_model"]} and scores["target_model"].nunique() > 1:
        lines.append("grey: a model with itself, outside of the colour scale")
    return "\n".join(filter(None, lines))


def _draw(axes: Axes, scores: pd.DataFrame, panel: _Panel, models: _Models, *, intervals: bool) -> QuadMesh:
    references, targets = models
    same = np.array([[reference == target and len(targets) > 1 for target in targets] for reference in references])
    coloured = np.where(same, np.nan, _matrix(scores, scores[panel.column], models))
    small = max(coloured.shape) > LEGIBLE
    axes.set_facecolor(NO_COLOUR)
    masked, (low, high) = np.ma.masked_invalid(coloured), panel.ends
    mesh = axes.pcolormesh(masked, vmin=low, vmax=high, cmap=panel.colormap, rasterized=small)
    colormap = matplotlib.colormaps[panel.colormap]
    inks = [[ink_on(shade(value, panel.ends, colormap)) for value in row] for row in coloured]
    _write(axes, _texts(scores, panel, models, digits=not small), inks)
    if intervals and panel.column == "stir" and not small:
        _write(axes, _texts_of_intervals(scores, models), inks, below=0.28, size=FONT_SIZE_OF_SMALL_CELLS)
    _label(axes, models, FONT_SIZE_OF_SMALL_CELLS if small else FONT_SIZE)
    axes.set_title(panel.title, fontsize=11)
    return mesh


def _label(axes: Axes, models: _Models, size: float) -> None:
    references, targets = models
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    if max(map(len, targets)) > LONGEST_SLANTED:
        slant = {"rotation": 90}
    axes.set_xticks(np.arange(len(targets)) + 0.5, targets, fontsize=size, **slant)
    axes.set_yticks(np.arange(len(references)) + 0.5, references, fontsize=size)
    axes.set(xlabel="target model", xlim=(0, len(targets)), ylim=(len(references), 0), aspect="equal")


def _matrix(scores: pd.DataFrame, values: pd.Series, models: _Models) -> np.ndarray:
    """Return means with the reference in rows and the target in columns; a number that is missing is not averaged away."""
    groups = scores.assign(values=values).groupby(["reference_model", "target_model"], sort=False)["values"]
    means = groups.agg(lambda each: each.mean(skipna=False)).unstack()
    return means.reindex(index=models[0], columns=models[1]).to_numpy(dtype=float)


def _texts(scores: pd.DataFrame, panel: _Panel, models: _Models, *, digits: bool) -> list[list[str]]:
    """Return what cells say: the score, and the marks of any of its inversion seeds."""
    if panel.column == "similarity":
        flagged, null = is_flagged(scores, "similarity"), pd.Series(False, scores.index)
    else:
        flagged, null = is_flagged(scores, "stir"), is_not_above_null(scores)
    matrices = (_matrix(scores, column, models) for column in (scores[panel.column], flagged.astype(float), null.astype(float)))
    return [
        [marked(value, flagged=star > 0, not_above_null=ring > 0, digits=digits) for value, star, ring in zip(*row, strict=True)]
        for row in zip(*matrices, strict=True)
    ]


def _texts_of_intervals(scores: pd.DataFrame, models: _Models) -> list[list[str]]:
    ends = (_matrix(scores, scores[column], models) for column in ("stir_low", "stir_high"))
    return [
        ["" if low != low or high != high else f"[{low:.2f}, {high:.2f}]" for low, high in zip(*row, strict=True)]
        for row in zip(*ends, strict=True)
    ]


def _write(axes: Axes, texts: list[list[str]], inks: list[list[str]], *, below: float = 0.0, size: float = FONT_SIZE) -> None:
    """Write texts into cells; ``below`` their middle, in cells."""
    for row, (of_row, inks_of_row) in enumerate(zip(texts, inks, strict=True)):
        for column, (text, ink) in enumerate(zip(of_row, inks_of_row, strict=True)):
            if text:
                place = column + 0.5, row + 0.5 + below
                # Inside the axes, so the layout need not measure it.
                axes.text(*place, text, ha="center", va="center", color=ink, fontsize=size, in_layout=False)


def _add_colour_bar(figure: Figure, axes: Axes, mesh: QuadMesh, ends: tuple[float, float], label: str) -> None:
    """Add a colour bar as tall as the matrix on its left, with pointed ends where values lie beyond them."""
    values: np.ndarray = np.ma.compressed(np.ma.asarray(mesh.get_array()))
    beyond = bool((values < ends[0]).any()), bool((values > ends[1]).any())
    pointed = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    width, height = np.diff(axes.get_xlim()).item(), abs(np.diff(axes.get_ylim()).item())
    thickness = min(0.06, 0.06 * height / width, max(0.02, 0.5 / width))
    place = axes.inset_axes((1.04, 0, thickness, 1))
    bar = figure.colorbar(mesh, cax=place, label=label, extend=pointed)
    if bar.solids is not None:
        bar.solids.set_rasterized(False)  # an image in an SVG costs as much time as the figure
