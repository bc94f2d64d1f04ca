"""STIR in both directions beside plain similarity, for models that differ in their training seed: the poster's first figure."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.flags import is_not_above_null
from stir.plotting.controls import draw_on_bar
from stir.plotting.marks import HATCH, any_flagged, marked
from stir.plotting.panels import HIGHEST, all_pairs, colours, comparable_pairs, draw_panels, what_differs
from stir.plotting.sizes import points, scale
from stir.plotting.titles import counted, inches_of, measured_with
from stir.table_layers import layer_name, layer_positions

BEHIND_DIGITS = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5}
"""So that digits are legible where a line of a control passes."""


INCHES_OF_SCORES = 2.0
"""About as tall are the axes of a small figure, of which digits that stand upright take a part."""


def draw_bars(
    scores: pd.DataFrame,
    models: pd.DataFrame | None,
    *,
    width: float | None = None,
    caption: list[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw three bars for each training at the last layer: STIR(m2 | m1), STIR(m1 | m2), plain similarity.

    Of each pair, m1 is the model that comes first in the table. Error bars are one standard
    deviation over pairs and inversion seeds. Bars of flagged scores are hatched. Lines across the bars
    of STIR are the ceiling and the floors, where the table has them.

    Parameters
    ----------
    scores, models : DataFrame
        As in `comparable_pairs`, for one similarity measure; without a table of models, three bars for each pair.
    width, caption, figure
        As in `draw_panels`.

    Raises
    ------
    InvalidInputError
        If there are no two models that were trained alike.
    """
    rows = bar_rows(scores, models)
    pairs = (
        rows[rows["forward"]].groupby("training")[["reference_model", "target_model"]].apply(lambda r: len(r.drop_duplicates()))
    )
    counts = ", ".join(f"{counted(count, 'pair')} {training}" for training, count in pairs.items())
    title = (
        f"{', '.join(filter(None, [what_differs(rows), f'layer {layer_name(rows)}']))}\n{measured_with(rows)}"
        f"{'' if models is None else f'; {counts}'}\nmean ± sd over pairs and inversion seeds"
    )
    return draw_panels(rows, draw_bar_panel, title=title, width=width, caption=caption, figure=figure)


def bar_rows(scores: pd.DataFrame, models: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that bars show, and whether each is the forward direction of its pair."""
    order = {model: number for number, model in enumerate(scores["reference_model"].unique())}
    positions = layer_positions(scores)
    of_layer = scores[positions == positions.max()]
    rows = all_pairs(of_layer, ordered=False) if models is None else comparable_pairs(of_layer, models)
    first, second = (rows[f"{side}_model"].map(order).fillna(len(order)) for side in ("reference", "target"))
    return rows.assign(forward=first < second)


def draw_bar_panel(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the rows of one dataset of images into axes."""
    measure = rows["similarity_measure"].iloc[0]
    trainings = list(rows["training"].unique())
    width = 0.8 / len(trainings)
    labels = ["STIR(m2 | m1)", "STIR(m1 | m2)", f"{measure}(m1, m2)"]
    inches = inches_per_group(axes)
    between = "(" if max(inches_of(label, points(10)) for label in labels) < inches else "\n("
    turned = 0 if inches_of("0.00*", points(8)) < width * inches else 90
    if turned:
        axes.set_ylim(top=HIGHEST + inches_of("0.00*", points(8)) / INCHES_OF_SCORES)
    for number, (training, colour) in enumerate(colours(trainings).items()):
        of_training = rows[rows["training"] == training]
        forward = of_training[of_training["forward"]]
        backward = of_training[~of_training["forward"]]
        shown = [(forward, "stir"), (backward, "stir"), (forward, "similarity")]
        means = [part[score].mean(skipna=False) for part, score in shown]
        spreads = pd.Series([part[score].std() for part, score in shown]).fillna(0)
        flagged = [any_flagged(part, score) for part, score in shown]
        null = [score == "stir" and bool(is_not_above_null(part).any()) for part, score in shown]
        places = [place + (number - (len(trainings) - 1) / 2) * width for place in range(3)]
        axes.bar(places, means, 0.92 * width, yerr=spreads, capsize=3, color=colour, label=training)
        for place, (part, score) in zip(places, shown, strict=True):
            if score == "stir":
                draw_on_bar(axes, part, place, 0.92 * width)
        for place, mean, spread, is_marked, is_null in zip(places, means, spreads, flagged, null, strict=True):
            if is_marked:
                axes.bar(place, mean, 0.92 * width, facecolor="none", edgecolor="black", linewidth=0, hatch=HATCH)
            height = 0.012 if math.isnan(mean) else mean + spread + 0.012
            text = marked(mean, flagged=is_marked, not_above_null=is_null)
            axes.text(place, height, text, ha="center", va="bottom", fontsize=points(8), rotation=turned, bbox=BEHIND_DIGITS)
    axes.set_xticks(range(3), [label.replace("(", between) for label in labels])


def inches_per_group(axes: Axes) -> float:
    """Return how wide a group of bars is, where the figure has no other axes beside these."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    return float(figure.get_size_inches()[0] / max(1, len(figure.axes)) - 0.7 * scale()) / 3
