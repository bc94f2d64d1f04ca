"""Which pairs of models stand beside each other, and how trainings look in every figure."""

import math
from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.plotting.controls import known_controls, note_of
from stir.plotting.marks import add_footnote, footnote_of
from stir.plotting.sizes import points, scale
from stir.plotting.titles import INCHES_PER_LINE, add_title, inches_of, lines_of, title_panel
from stir.tables import described

COLOURS = {"vanilla": "#4477aa", "at": "#cc3311", "trades": "#228833", "mart": "#aa3377"}
"""By training objective; told apart also by those who do not see red and green."""
ALL_PAIRS = "all pairs of models"
MOST_PAIRS = 6
"""Pairs of models that are told apart, where it is not known how models were trained; of more, the mean is drawn."""
OTHERS = ("#ee7733", "#66ccee", "#bbbbbb", "#000000")
PANEL = (5.4, 4.0)
"""Inches."""
INCHES_FOR_HANDLE, LEGEND_SIZE = 0.65, 8
"""Of a legend's entries."""
LEAST_HEIGHT = 2.4
"""Inches of a panel."""
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


def all_pairs(scores: pd.DataFrame, *, ordered: bool) -> pd.DataFrame:
    """Return the pairs of different models of a table without a table of models, with a column ``training`` that names them.

    Parameters
    ----------
    scores : DataFrame
        Of `stir.tables.score_table`.
    ordered : bool
        Whether both directions of a pair are told apart.

    Raises
    ------
    InvalidInputError
        If there is only one model.
    """
    rows = scores[scores["reference_model"] != scores["target_model"]]
    if rows.empty:
        raise InvalidInputError("Expected scores of at least two models; got those of one with itself. Choose more models.")
    both = zip(rows["reference_model"], rows["target_model"], strict=True)
    names = pd.Series([f"{m1} → {m2}" if ordered else ", ".join(sorted((m1, m2))) for m1, m2 in both], rows.index)
    return rows.assign(training=names if names.nunique() <= MOST_PAIRS else ALL_PAIRS)


def what_differs(pairs: pd.DataFrame) -> str:
    """Say in what the models of `comparable_pairs` differ; empty for those of `all_pairs`."""
    if "reference_training_dataset" not in pairs:
        return ""
    across = pairs["reference_training_dataset"] != pairs["target_training_dataset"]
    return "pairs that differ in their " + ("training datasets" if across.any() else "training seeds")


def draw_panels(
    rows: pd.DataFrame,
    draw: Callable[[Axes, pd.DataFrame], None],
    *,
    title: str,
    width: float | None = None,
    caption: list[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw a panel for each dataset of images, with one axis of scores, a legend, and a footnote where scores are flagged.

    Parameters
    ----------
    rows : DataFrame
        Of `comparable_pairs` or `all_pairs`.
    draw : function
        Draws the rows of one dataset of images.
    title : str
        Of the figure.
    width : float, optional
        Inches of the figure.
    caption : list, optional
        Title and notes are added to it in place of the figure.
    figure : Figure, optional
        An empty one to draw into.
    """
    count = rows["images_dataset"].nunique()
    panel = PANEL[0] * scale() if width is None else width / count
    width, height = panel * count, max(PANEL[1] * min(1.0, panel / PANEL[0]), LEAST_HEIGHT) * (scale() if width is None else 1)
    figure = figure or Figure()
    figure.set_size_inches(width, height)
    figure.set_layout_engine("constrained")
    lowest = lowest_of(rows)
    labels = list(rows["images_dataset"].unique())
    for axes, label in zip(figure.subplots(1, count, sharey=True, squeeze=False)[0], labels, strict=True):
        if label:
            title_panel(axes, f"images of {label}", panel / 2)
        draw_panel(axes, rows[rows["images_dataset"] == label], draw, lowest=lowest)
    figure.axes[0].set_ylabel("score")
    lines = add_legend(figure)
    note = "\n".join(filter(None, [footnote_of(rows), note_of(known_controls(rows))]))
    if caption is None:
        add_title(figure, title)
        lines += len(lines_of(title, width))
    figure.set_figheight(height + INCHES_PER_LINE * scale() * (lines - 2))
    if caption is None:
        add_footnote(figure, note)
    else:
        caption += [title, note]
    return figure


def lowest_of(rows: pd.DataFrame) -> float:
    """Return where the axis of scores begins."""
    return min(0.0, rows["stir"].min(), rows["similarity"].min())


def draw_panel(axes: Axes, rows: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame], None], *, lowest: float) -> None:
    """Draw the rows of one dataset of images."""
    axes.set_ylim(lowest, HIGHEST)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    draw(axes, rows)


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
    size = points(LEGEND_SIZE)
    longest = INCHES_FOR_HANDLE * scale() + max(inches_of(name, size) for name in names)
    columns = max(1, min(4, int(figure.get_figwidth() / longest)))
    figure.legend(handles, names, loc="outside lower center", ncols=min(columns, len(names)), fontsize=size, handlelength=3)
    return math.ceil(len(names) / columns)
