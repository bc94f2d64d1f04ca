"""STIR between a network and its successor that was trained on more of the same data."""

import math
from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.plotting.marks import add_footnote, any_flagged, footnote_of, is_not_above_null, mark_null, mark_points
from stir.plotting.panels import HIGHEST, PANEL, add_legend
from stir.plotting.titles import add_title, measured_with, title_panel
from stir.table_layers import layer_name, layer_positions
from stir.tables import described

SERIES = {
    "STIR(next | size)": ("#cc3311", "-", "o"),
    "STIR(size | next)": ("#cc3311", "--", "s"),
    "STIR(full | size)": ("#4477aa", "-", "o"),
    "STIR(size | full)": ("#4477aa", "--", "s"),
}


def draw_growth(scores: pd.DataFrame, models: pd.DataFrame) -> Figure:
    """Draw STIR at the last layer over the size of the training set; bars are one sd over pairs and inversion seeds.

    A panel for each dataset of images (rows) and training objective (columns). The full set is the
    largest; it has no number of its own on the axis, as nothing follows it.

    Points of flagged scores are stars; a cross on the axis stands for a score that is no number.

    Parameters
    ----------
    scores : DataFrame
        Rows of a score table for one measure.
    models : DataFrame
        The table of models; without ``n_train``, a model has the full set.

    Raises
    ------
    InvalidInputError
        If no two models differ in the size of their training set.
    """
    positions = layer_positions(scores)
    rows = described(scores[positions == positions.max()], models)
    rows = rows.fillna({"reference_n_train": math.inf, "target_n_train": math.inf})
    for column in ("architecture", "objective", "training_dataset"):
        rows = rows[rows[f"reference_{column}"] == rows[f"target_{column}"]]
    rows = rows[rows["reference_n_train"] != rows["target_n_train"]]
    if rows.empty:
        raise InvalidInputError("Expected models that differ in n_train; got none. Add such models, or leave the figure out.")
    objectives, labels = rows["reference_objective"].unique(), rows["images_dataset"].unique()
    figure = Figure(figsize=(PANEL[0] * len(objectives), PANEL[1] * len(labels) + 0.4), layout="constrained")
    grid = figure.subplots(len(labels), len(objectives), sharey=True, squeeze=False)
    for line, label in zip(grid, labels, strict=True):
        for axes, objective in zip(line, objectives, strict=True):
            _draw(axes, rows[(rows["images_dataset"] == label) & (rows["reference_objective"] == objective)])
            title_panel(axes, f"{objective}, images of {label}", PANEL[0] / 2)
        line[0].set_ylabel("STIR (mean ± sd)")
    add_legend(figure)
    add_title(figure, f"training sets of growing size, layer {layer_name(rows)}\n{measured_with(rows)}")
    add_footnote(figure, footnote_of(rows))
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    sizes = sorted({*rows["reference_n_train"], *rows["target_n_train"]})
    steps = list(pairwise(sizes))
    to_full = [(size, sizes[-1]) for size in sizes[:-1]]
    ends = [steps, [step[::-1] for step in steps], to_full, [step[::-1] for step in to_full]]
    by_ends = rows.groupby(["reference_n_train", "target_n_train"])
    means, spreads = by_ends["stir"].agg(lambda values: values.mean(skipna=False)), by_ends["stir"].std().fillna(0)
    flagged = {pair: any_flagged(of_pair, "stir") for pair, of_pair in by_ends}
    null = {pair: bool(is_not_above_null(of_pair).any()) for pair, of_pair in by_ends}
    axes.set_ylim(min(0.0, rows["stir"].min()), HIGHEST)
    # Points of one size stand a little apart, so that their bars can be told from each other.
    apart = 0.006 * (sizes[-2] - sizes[0])
    for number, ((name, (colour, style, marker)), pairs) in enumerate(zip(SERIES.items(), ends, strict=True)):
        places = [size + (number - 1.5) * apart for size in sizes[:-1]]
        axes.plot(places, means.reindex(pairs), style, color=colour, marker=marker, markersize=4, label=name)
        axes.errorbar(places, means.reindex(pairs), spreads.reindex(pairs), fmt="none", ecolor=colour, capsize=2)
        mark_points(axes, places, list(means.reindex(pairs)), [flagged.get(pair, False) for pair in pairs], colour)
        mark_null(axes, places, list(means.reindex(pairs)), [null.get(pair, False) for pair in pairs])
    axes.set_xticks(sizes[:-1], [f"{size:,.0f}" for size in sizes[:-1]])
    full = "the full set" if math.isinf(sizes[-1]) else f"{sizes[-1]:,.0f}"
    axes.set_xlabel(f"training images (full: {full})")
    axes.grid(axis="y", alpha=0.3)
