"""Ceiling and floors beside scores: lines over bars, lines and bands along curves."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

NAMES = {"stir_ceiling": "ceiling", "stir_noise": "noise", "stir_untrained": "untrained", "stir_seed_floor": "seed images"}
"""Column -> what a legend calls it."""
MEANINGS = {
    "stir_ceiling": "the reference as target",
    "stir_noise": "X plus noise of the size of X' - X in place of X'",
    "stir_untrained": "an untrained network of the target's architecture as target",
    "stir_seed_floor": "in place of X'",
}
STYLES = {"stir_ceiling": "-", "stir_noise": "--", "stir_untrained": "-.", "stir_seed_floor": ":"}
NOISE = "stir_noise"
"""Depends on the training, unlike the others: the target's robustness is in it."""
COLOUR = "0.35"


def known_controls(rows: pd.DataFrame) -> list[str]:
    """Return the controls that rows of a score table hold numbers of; none for tables that were made without."""
    return [column for column in NAMES if column in rows and rows[column].notna().any()]


def note_of(controls: Sequence[str]) -> str:
    """Say what the lines of controls are."""
    return "; ".join(f"{NAMES[column]}: {MEANINGS[column]}" for column in controls)


def draw_on_bar(axes: Axes, rows: pd.DataFrame, place: float, width: float) -> None:
    """Draw a line for each control across a bar, at its mean over rows of a score table."""
    named = {line.get_label() for line in axes.lines}
    for column in known_controls(rows):
        label = "_" if NAMES[column] in named else NAMES[column]
        ends = [place - width / 2, place + width / 2]
        axes.plot(ends, [rows[column].mean()] * 2, STYLES[column], color="black", linewidth=1.3, label=label, zorder=3)


def draw_along_curve(axes: Axes, rows: pd.DataFrame, colour: str, training: str) -> None:
    """Draw what noise of the size of X' - X gives a training, from layer to layer: column ``layer``."""
    if NOISE in known_controls(rows):
        means = rows.groupby("layer")[NOISE].mean()
        axes.plot(means.index, means, ":", linewidth=1.3, color=colour, label=f"{NAMES[NOISE]}, {training}")


def draw_bands(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw the other controls from layer to layer: the mean, and a band from the lowest to the highest of all pairs."""
    for column in known_controls(rows):
        if column != NOISE:
            by_layer = rows.groupby("layer")[column]
            means, low, high = by_layer.mean(), by_layer.min(), by_layer.max()
            axes.plot(means.index, means, STYLES[column], linewidth=1, color=COLOUR, label=NAMES[column], zorder=1)
            axes.fill_between(means.index, low, high, color=COLOUR, alpha=0.2, linewidth=0, zorder=1)
