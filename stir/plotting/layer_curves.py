"""STIR and plain similarity from layer to layer, a line for each training."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.flags import is_not_above_null
from stir.plotting.controls import draw_along_curve, draw_bands, known_controls
from stir.plotting.marks import any_flagged, mark_null, mark_points
from stir.plotting.panels import all_pairs, colours, comparable_pairs, draw_panels, what_differs
from stir.plotting.titles import measured_with
from stir.table_layers import layer_name, layer_positions

STYLES = {"stir": "-", "similarity": "--"}


def draw_layer_curves(
    scores: pd.DataFrame,
    models: pd.DataFrame | None,
    *,
    width: float | None = None,
    caption: list[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw scores over layers in their order; bands are one standard deviation over pairs and inversion seeds.

    Dotted lines and grey bands are the floors and the ceiling, where the table has them.
    Points of flagged scores are stars; a cross on the axis stands for a score that is no number.

    Parameters
    ----------
    scores, models : DataFrame
        As in `comparable_pairs`, for one similarity measure; without a table of models, a line for each pair.
    width, caption, figure
        As in `draw_panels`.

    Raises
    ------
    InvalidInputError
        If there are no two models that were trained alike.
    """
    rows = curve_rows(scores, models)
    title = "\n".join(filter(None, [what_differs(rows), measured_with(rows), "mean, band: sd over pairs and inversion seeds"]))
    if known_controls(rows):
        title += "; grey band: from the lowest to the highest"
    return draw_panels(rows, draw_curve_panel, title=title, width=width, caption=caption, figure=figure)


def curve_rows(scores: pd.DataFrame, models: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows that curves show, with the position of each layer."""
    placed = scores.assign(layer=layer_positions(scores))
    return all_pairs(placed, ordered=True) if models is None else comparable_pairs(placed, models)


def draw_curve_panel(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the rows of one dataset of images into axes."""
    names = {"stir": "STIR", "similarity": rows["similarity_measure"].iloc[0]}
    for training, colour in colours(list(rows["training"].unique())).items():
        by_layer = rows[rows["training"] == training].groupby("layer")
        for score, style in STYLES.items():
            means = by_layer[score].agg(lambda values: values.mean(skipna=False))
            spreads = by_layer[score].std().fillna(0)
            axes.plot(means.index, means, style, marker="o", markersize=4, color=colour, label=f"{names[score]}, {training}")
            axes.fill_between(means.index, means - spreads, means + spreads, color=colour, alpha=0.15, linewidth=0)
            flagged = [any_flagged(of_layer, score) for _, of_layer in by_layer]
            mark_points(axes, list(means.index), list(means), flagged, colour)
            if score == "stir":
                null = [bool(is_not_above_null(of_layer).any()) for _, of_layer in by_layer]
                mark_null(axes, list(means.index), list(means), null)
        draw_along_curve(axes, rows[rows["training"] == training], colour, training)
    draw_bands(axes, rows)
    layers = sorted(rows["layer"].unique())
    names_of_layers = [layer_name(rows[rows["layer"] == layer]).replace("|", "\n") for layer in layers]
    axes.set_xticks(layers, names_of_layers, rotation=20, ha="right", rotation_mode="anchor")
    axes.set_xlabel("layer, from the images to the classes")
