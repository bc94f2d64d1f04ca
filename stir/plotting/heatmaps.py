"""Who shares whose invariances: STIR and plain similarity side by side, in the poster's form."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from stir.flags import is_flagged
from stir.plotting.marks import add_footnote, footnote_of, marked
from stir.table_layers import features_text, layer_name

LIMITS = (0.0, 1.0)
DARK_BELOW = 0.6
WIDE = 11
"""Inches that a title takes on one line; in a narrower figure it has two."""
LONGEST_NAME = 60
"""Characters of a layer's names in a title."""
NO_NUMBER = "0.85"
"""Colour of a cell without a number."""
INCHES_PER_CELL = 0.62


def draw_heatmaps(scores: pd.DataFrame, label: str | None = None) -> Figure:
    """Draw two matrices on one colour scale, reference in rows and target in columns; flagged cells have a mark.

    Parameters
    ----------
    scores : DataFrame
        Rows of a score table for one layer, measure and dataset of images; averaged over inversion seeds.
    label : str, optional
        What the layer is called in the title where the models' names of it are too long for one.
    """
    first = scores.iloc[0]
    models = list(scores["reference_model"].unique())
    side = 2.2 + INCHES_PER_CELL * len(models)
    figure = Figure(figsize=(2 * side + 0.8, side + 0.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    seeds = scores["random_seed"].nunique()
    _draw(left, scores, "stir", models, f"STIR (mean of {seeds} inversion seeds)")
    image = _draw(right, scores, "similarity", models, f"plain {first['similarity_measure']}")
    left.set_ylabel("reference model")
    figure.colorbar(image, ax=[left, right], shrink=0.8, label=first["similarity_measure"])
    between = " " if figure.get_figwidth() >= WIDE else "\n"
    images = f"n = {first['n_images']} images of {first['images_dataset']}"
    figure.suptitle(
        f"layer {_title_of_layer(scores, label)}, {images}, {first['inversion_method']},"
        f"{between}inversion error (median) {scores['inversion_error_median'].median():.3f}, "
        f"converged at least {scores['converged_fraction'].min():.0%}"
    )
    add_footnote(figure, footnote_of(scores))
    return figure


def _title_of_layer(scores: pd.DataFrame, label: str | None) -> str:
    name = layer_name(scores)
    shown = name if len(name) <= LONGEST_NAME or label is None else label
    return ", ".join(filter(None, [shown, features_text(scores)]))


def _draw(axes: Axes, scores: pd.DataFrame, column: str, models: list[str], title: str) -> AxesImage:
    pairs = scores.assign(flagged=is_flagged(scores, column)).groupby(["reference_model", "target_model"], sort=False)
    matrix, flagged = (
        pairs[name].agg(how).unstack().reindex(index=models, columns=models)
        for name, how in ((column, lambda values: values.mean(skipna=False)), ("flagged", "any"))
    )
    values = matrix.to_numpy()
    axes.set_facecolor(NO_NUMBER)
    image = axes.imshow(values, vmin=LIMITS[0], vmax=LIMITS[1], cmap="viridis")
    for row in range(len(models)):
        for column_number in range(len(models)):
            value = values[row, column_number]
            colour = "white" if value < DARK_BELOW else "black"
            text = marked(value, flagged=bool(flagged.iloc[row, column_number]))
            # Inside the axes, so the layout need not measure it.
            axes.text(column_number, row, text, ha="center", va="center", color=colour, in_layout=False)
    axes.set_xticks(range(len(models)), models, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(models)), models)
    axes.set_xlabel("target model")
    axes.set_title(title)
    return image
