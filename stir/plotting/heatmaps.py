"""Who shares whose invariances: STIR, plain similarity and the excess over noise side by side, in the poster's form."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.plotting.marks import add_footnote, footnote_of
from stir.plotting.matrices import EXCESS, LEGIBLE, Models, Panel, add_colour_bar, draw_matrix, label_of, models_of, panels_of
from stir.plotting.pictures import inches_left
from stir.plotting.sizes import FONT_SIZE, points, scale
from stir.plotting.titles import add_title, inches_of, inches_of_lines, measured_with
from stir.table_layers import features_text, layer_name

LONGEST_NAME = 60
"""Characters of a layer's names in a title."""
INCHES_PER_CELL = 0.5
INCHES_PER_CELL_WITH_INTERVAL = 0.85
INCHES_PER_SMALL_CELL = 0.13
INCHES_BETWEEN = 0.25
INCHES_OF_BAR, INCHES_FOR_BAR = 0.25, 0.75
"""Of a colour bar, and for its numbers and label."""
INCHES_FOR_LABEL = 0.6
"""Beside the names of models."""
LEAST_INCHES = 2.1
"""Of a panel, so that its title fits."""


def draw_heatmaps(
    scores: pd.DataFrame,
    label: str | None = None,
    *,
    intervals: bool = False,
    columns: Sequence[str] | None = None,
    width: float | None = None,
    caption: list[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
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
    columns : sequence of str, optional
        Of `stir.plotting.matrices.SCORES`; by default all that the table has.
    width : float, optional
        Inches of the figure; by default as wide as it needs. Digits that do not fit into their cells are left out.
    caption : list, optional
        Title and notes are added to it in place of the figure.
    figure : Figure, optional
        An empty one to draw into.

    Raises
    ------
    InvalidInputError
        If the table lacks a column, or the width is too small.
    """
    if intervals and "stir_low" not in scores:
        raise InvalidInputError(
            "Expected the columns stir_low and stir_high; got a table without. Make it again, with `make run`."
        )
    panels, title = panels_of(scores, columns), "" if caption is not None else _title(scores, label)
    figure = figure or Figure()
    grid, cell = _panel_axes(figure, models_of(scores), panels, title, intervals=intervals, width=width)
    within = None if width is None else cell
    meshes = [
        draw_matrix(axes, scores, panel, cell=within, intervals=intervals) for axes, panel in zip(grid, panels, strict=True)
    ]
    grid[0].set_ylabel("reference model")
    for axes in grid[1:]:
        axes.tick_params(labelleft=False)
    for axes, mesh, panel, following in zip(grid, meshes, panels, [*panels[1:], None], strict=True):
        if following is None or following.ends is not panel.ends:
            add_colour_bar(axes, mesh, panel, label_of(panel, scores))
    note = _note(scores, panels, intervals=intervals)
    if caption is not None:
        caption += [_title(scores, label), note]
        return figure
    add_title(figure, title).set_y(1 - 0.05 / figure.get_figheight())
    add_footnote(figure, note)
    return figure


def _panel_axes(
    figure: Figure, models: Models, panels: Sequence[Panel], title: str, *, intervals: bool, width: float | None
) -> tuple[list[Axes], float]:
    """Return axes for each panel, with square cells, and room for names, titles and colour bars; and inches of a cell."""
    references, targets = models
    left, bottom = (INCHES_FOR_LABEL * scale() + max(inches_of(name, points(FONT_SIZE)) for name in names) for names in models)
    bar = INCHES_OF_BAR + INCHES_FOR_BAR * scale()
    gaps = [INCHES_BETWEEN * scale() if second.ends is first.ends else bar for first, second in pairwise(panels)]
    cell = (
        _inches_of_cell(models, intervals=intervals)
        if width is None
        else inches_left(width - left - sum(gaps) - bar, len(panels) * len(targets))
    )
    across, up = cell * len(targets), cell * len(references)
    places = [left + number * across + sum(gaps[:number]) for number in range(len(panels))]
    width = places[-1] + across + bar
    height = bottom + up + 0.4 * scale() + inches_of_lines(title, width)
    figure.set_size_inches(width, height)
    return [figure.add_axes((place / width, bottom / height, across / width, up / height)) for place in places], cell


def _inches_of_cell(models: Models, *, intervals: bool) -> float:
    cell = INCHES_PER_CELL_WITH_INTERVAL if intervals else INCHES_PER_CELL
    if max(map(len, models)) > LEGIBLE:
        cell = INCHES_PER_SMALL_CELL
    return max(cell * scale(), LEAST_INCHES / len(models[1]))


def _title(scores: pd.DataFrame, label: str | None) -> str:
    name = layer_name(scores)
    shown = name if len(name) <= LONGEST_NAME or label is None else label
    images = scores["images_dataset"].iloc[0]
    said = [f"layer {shown}", features_text(scores), images and f"images of {images}", measured_with(scores)]
    error, converged = scores["inversion_error_median"].median(), scores["converged_fraction"].min()
    if error == error:  # X' that are given were not inverted
        said += [f"inversion error (median) {error:.3f}", f"converged at least {converged:.0%}"]
    return ", ".join(filter(None, said))


def _note(scores: pd.DataFrame, panels: Sequence[Panel], *, intervals: bool) -> str:
    lines = [footnote_of(scores)]
    if intervals:
        lines.append("[low, high]: 95% interval over images, its ends averaged over inversion seeds")
    if any(panel.column == EXCESS for panel in panels):
        lines.append(
            "excess: (STIR - noise) / (ceiling - noise); 0: no more than robustness to noise of the same size explains; "
            "1: as much as the reference itself"
        )
    if {*scores["reference_model"]} & {*scores["target_model"]} and scores["target_model"].nunique() > 1:
        lines.append("grey: a model with itself, outside of the colour scale")
    return "\n".join(filter(None, lines))
