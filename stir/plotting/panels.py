"""Which pairs of models stand beside each other, and how trainings look in every figure."""

import math
from collections.abc import Callable, Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.plotting.controls import known_controls, note_of
from stir.plotting.marks import add_footnote, footnote_of
from stir.plotting.titles import INCHES_PER_LINE, add_title, inches_of, lines_of, title_panel
from stir.tables import described

COLOURS = {"vanilla": "#4477aa", "at": "#cc3311", "trades": "#228833", "mart": "#aa3377"}
"""By training objective; told apart also by those who do not see red and green."""
OTHERS = ("#ee7733", "#66ccee", "#bbbbbb", "#000000")
PANEL = (5.4, 4.0)
"""Inches."""
INCHES_FOR_HANDLE, LEGEND_SIZE = 0.65, 8
"""Of a legend's entries."""
HIGHEST = 1.08
"""End of the axis of scores: room for the number above a bar."""


def comparable_pairs(scores: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of different models that were trained alike, with a column ``training`` to group them by.

    Where models were trained on several datasets, these are the pairs whose datasets differ; else, those
    that differ in nothing but their training seed.

    Parameters
    ----------
    scores : DataFrame
        Of `stir.tables.score_table`.
    models : DataFrame
        Of `stir.tables.model_table`.

    Raises
    ------
    InvalidInputError
        If there are none.
    """
    rows = described(scores[scores["reference_model"] != scores["target_model"]], models)
    for column in ("architecture", "objective"):
        rows = rows[rows[f"reference_{column}"] == rows[f"target_{column}"]]
    across = rows["reference_training_dataset"] != rows["target_training_dataset"]
    if across.any():
        rows = rows[across]
    else:
        sizes = rows[["reference_n_train", "target_n_train"]].fillna(0)
        rows = rows[sizes.nunique(axis=1) == 1]
    if rows.empty:
        raise InvalidInputError(
            "Expected two models that were trained alike; got none. Add a training seed, or leave the figure out."
        )
    several = rows["reference_architecture"].nunique() > 1
    architecture = rows["reference_architecture"] + " " if several else ""
    return rows.assign(training=architecture + rows["reference_objective"])


def what_differs(pairs: pd.DataFrame) -> str:
    """Say in what the models of `comparable_pairs` differ."""
    across = pairs["reference_training_dataset"] != pairs["target_training_dataset"]
    return "training datasets" if across.any() else "training seeds"


def draw_panels(rows: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None], *, title: str) -> Figure:
    """Draw a panel for each dataset of images, with one axis of scores, a legend, and a footnote where scores are flagged.

    Parameters
    ----------
    rows : DataFrame
        Of `comparable_pairs`.
    draw : function
        Draws the rows of one dataset of images.
    title : str
        Of the figure.
    """
    width = PANEL[0] * rows["images_dataset"].nunique()
    figure = Figure(figsize=(width, PANEL[1]), layout="constrained")
    for axes, of_images in _panels(figure, rows):
        draw(axes, of_images)
    figure.axes[0].set_ylabel("score")
    lines = add_legend(figure)
    add_title(figure, title)
    figure.set_figheight(PANEL[1] + INCHES_PER_LINE * (lines + len(lines_of(title, width)) - 2))
    add_footnote(figure, "\n".join(filter(None, [footnote_of(rows), note_of(known_controls(rows))])))
    return figure


def _panels(figure: Figure, rows: pd.DataFrame) -> Iterator[tuple[Axes, pd.DataFrame]]:
    """Give a panel for each dataset of images, and its rows."""
    lowest = min(0.0, rows["stir"].min(), rows["similarity"].min())
    labels = list(rows["images_dataset"].unique())
    all_axes = figure.subplots(1, len(labels), sharey=True, squeeze=False)[0]
    for axes, label in zip(all_axes, labels, strict=True):
        title_panel(axes, f"images of {label}", PANEL[0] / 2)
        axes.set_ylim(lowest, HIGHEST)
        axes.grid(axis="y", alpha=0.3)
        axes.set_axisbelow(True)
        yield axes, rows[rows["images_dataset"] == label]


def colours(trainings: list[str]) -> dict[str, str]:
    """Return a colour for each: its objective's where that is not taken."""
    found: dict[str, str] = {}
    spare = iter(OTHERS * len(trainings))
    for training in trainings:
        own = COLOURS.get(training.rsplit(" ", 1)[-1])
        found[training] = own if own is not None and own not in found.values() else next(spare)
    return found


def add_legend(figure: Figure) -> int:
    """Name below all panels what is drawn in the first, and return on how many lines."""
    handles, names = figure.axes[0].get_legend_handles_labels()
    longest = INCHES_FOR_HANDLE + max(inches_of(name, LEGEND_SIZE) for name in names)
    columns = max(1, min(4, int(figure.get_figwidth() / longest)))
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(columns, len(names)), fontsize=LEGEND_SIZE, handlelength=3
    )
    return math.ceil(len(names) / columns)
