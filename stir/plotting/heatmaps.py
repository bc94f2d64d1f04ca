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
from stir.plotting.titles import add_title, measured_with
from stir.table_layers import features_text, layer_name

LONGEST_NAME = 60
"""Characters of a layer's names in a title."""
LEGIBLE = 30
"""Models up to which cells hold digits; beyond, they hold only marks."""
INCHES_PER_CELL = 0.5
INCHES_PER_CELL_WITH_INTERVAL = 0.85
INCHES_PER_SMALL_CELL = 0.13
INCHES_PER_CHARACTER = 0.07
"""Of a model's name."""
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
        raise InvalidInputError("Expected the columns stir_low and stir_high; got a table without. Make it again, with `make run`.")
    models = list(scores["reference_model"].unique()), list(scores["target_model"].unique())
    panels = _panels(scores)
    figure = Figure(figsize=_size(models, panels, intervals=intervals), layout="constrained")
    grid = list(figure.subplots(1, len(panels), sharey=True, squeeze=False)[0])
    meshes = [_draw(axes, scores, panel, models, intervals=intervals) for axes, panel in zip(grid, panels, strict=True)]
    grid[0].set_ylabel("reference model")
    _add_colour_bar(grid[1], meshes[1], str(scores["similarity_measure"].iloc[0]))
    if len(panels) > 2:
        _add_colour_bar(grid[2], meshes[2], panels[2].title)
    add_title(figure, _title(scores, label))
    add_footnote(figure, _note(scores, intervals=intervals))
    return figure


def _panels(scores: pd.DataFrame) -> list[_Panel]:
    different = scores[scores["reference_model"] != scores["target_model"]]
    ends = limits(different[["stir", "similarity"]].to_numpy().ravel())
    measure = scores["similarity_measure"].iloc[0]
    found = [_Panel("stir", "STIR", "viridis", ends), _Panel("similarity", f"plain {measure}", "viridis", ends)]
    if "stir_excess" in scores and scores["stir_excess"].notna().any():
        found.append(_Panel("stir_excess", "excess over noise", "PuOr", limits_about_zero(different["stir_excess"])))
    return found


def _size(models: _Models, panels: Sequence[_Panel], *, intervals: bool) -> tuple[float, float]:
    references, targets = models
    cell = INCHES_PER_CELL_WITH_INTERVAL if intervals else INCHES_PER_CELL
    if max(len(references), len(targets)) > LEGIBLE:
        cell = INCHES_PER_SMALL_CELL
    beside, below = (0.5 + INCHES_PER_CHARACTER * max(map(len, names)) for names in models)
    panel = max(cell * len(targets), LEAST_INCHES) + 0.3
    return beside + panel * len(panels) + 0.8 * (len(panels) - 1), max(cell * len(references), 1.2) + below + 0.8


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
    values = _matrix(scores, scores[panel.column], models)
    same = np.array([[reference == target and len(targets) > 1 for target in targets] for reference in references])
    axes.set_facecolor(NO_COLOUR)
    small = max(values.shape) > LEGIBLE
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(np.where(same, np.nan, values)),
        vmin=panel.ends[0],
        vmax=panel.ends[1],
        cmap=panel.colormap,
        rasterized=small,
    )
    _write(axes, _texts(scores, panel, models, digits=not small), values=np.where(same, np.nan, values), panel=panel)
    if intervals and panel.column == "stir":
        _write(axes, _texts_of_intervals(scores, models), values=np.where(same, np.nan, values), panel=panel, below=0.28, size=FONT_SIZE_OF_SMALL_CELLS)
    size = FONT_SIZE_OF_SMALL_CELLS if small else FONT_SIZE
    slant: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    if max(map(len, targets)) > LONGEST_SLANTED:
        slant = {"rotation": 90}
    axes.set_xticks(np.arange(len(targets)) + 0.5, targets, fontsize=size, **slant)
    axes.set_yticks(np.arange(len(references)) + 0.5, references, fontsize=size)
    axes.set(xlabel="target model", xlim=(0, len(targets)), ylim=(len(references), 0), aspect="equal")
    axes.set_title(panel.title, fontsize=11)
    return mesh


def _matrix(scores: pd.DataFrame, values: pd.Series, models: _Models, how: str = "mean") -> np.ndarray:
    """Return values with the reference in rows and the target in columns; one that is missing is not averaged away."""
    groups = scores.assign(values=values).groupby(["reference_model", "target_model"], sort=False)["values"]
    found = groups.any() if how == "any" else groups.agg(lambda each: each.mean(skipna=False))
    return found.unstack().reindex(index=models[0], columns=models[1]).to_numpy()


def _texts(scores: pd.DataFrame, panel: _Panel, models: _Models, *, digits: bool) -> list[list[str]]:
    of_similarity = panel.column == "similarity"
    no = pd.Series(False, scores.index)
    flagged, null = (
        _matrix(scores, series, models, "any") == True  # noqa: E712  (a pair without rows has no answer)
        for series in (
            is_flagged(scores, "similarity" if of_similarity else "stir"),
            no if of_similarity else is_not_above_null(scores),
        )
    )
    values = _matrix(scores, scores[panel.column], models)
    cells = zip(values.ravel(), flagged.ravel(), null.ravel(), strict=True)
    texts = [marked(value, flagged=bool(star), not_above_null=bool(ring), digits=digits) for value, star, ring in cells]
    width = values.shape[1]
    return [texts[start : start + width] for start in range(0, len(texts), width)]


def _texts_of_intervals(scores: pd.DataFrame, models: _Models) -> list[list[str]]:
    ends = (_matrix(scores, scores[column], models) for column in ("stir_low", "stir_high"))
    return [
        ["" if low != low or high != high else f"[{low:.2f}, {high:.2f}]" for low, high in zip(*row, strict=True)]
        for row in zip(*ends, strict=True)
    ]


def _write(
    axes: Axes, texts: list[list[str]], *, values: np.ndarray, panel: _Panel, below: float = 0.0, size: float = FONT_SIZE
) -> None:
    """Write texts into cells, in the ink that is legible on their colours."""
    colormap = matplotlib.colormaps[panel.colormap]
    for row, of_row in enumerate(texts):
        for column, text in enumerate(of_row):
            ink = ink_on(shade(values[row, column], panel.ends, colormap))
            place = (column + 0.5, row + 0.5 + below)
            if text:
                # Inside the axes, so the layout need not measure it.
                axes.text(*place, text, ha="center", va="center", color=ink, fontsize=size, in_layout=False)


def _add_colour_bar(axes: Axes, mesh: QuadMesh, label: str) -> None:
    """Add a colour bar as tall as the matrix on its left, with pointed ends where values lie beyond them."""
    (low, high), values = mesh.get_clim(), mesh.get_array()
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    beyond = bool((values < low).any()), bool((values > high).any())
    width, height = np.diff(axes.get_xlim()).item(), abs(np.diff(axes.get_ylim()).item())
    thickness = min(0.06, 0.06 * height / width, max(0.02, 0.5 / width))
    place = axes.inset_axes((1.04, 0, thickness, 1))
    bar = axes.figure.colorbar(mesh, cax=place, label=label, extend=ends[beyond])
    bar.solids.set_rasterized(False)
