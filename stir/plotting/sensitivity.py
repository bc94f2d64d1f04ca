"""How far scores move when a setting changes: a panel per similarity measure, a column of pairs per variant."""

from itertools import cycle, islice

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.plotting.panels import COLOURS, OTHERS

WIDTH, HEIGHT = 0.8, 2.4
"""Inches of a variant and of a panel."""
MARGIN, NARROWEST = 1.6, 5.0
TITLE = "STIR minus that of the experiment, a point per pair"
LEGEND = "above: Kendall's tau of the ranking, least over layers"


def draw_sensitivity(table: pd.DataFrame) -> Figure:
    """Draw the difference of every pair's STIR from the experiment's, with the rank correlation of each variant below.

    Parameters
    ----------
    table : DataFrame
        From `stir.sensitivity.study_table`.
    """
    rows = table[(table["score"] == "stir") & (table["reference_model"] != table["target_model"])]
    rows = rows if not rows.empty else table[table["score"] == "stir"]
    variants = list(dict.fromkeys(zip(rows["setting"], rows["value"], strict=True)))
    measures = list(rows["similarity_measure"].unique())
    figure = Figure(figsize=(max(NARROWEST, MARGIN + WIDTH * len(variants)), 1.2 + HEIGHT * len(measures)), layout="constrained")
    for axes, measure in zip(figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0], measures, strict=True):
        _draw(axes, rows[rows["similarity_measure"] == measure], variants)
        axes.set_title(measure, fontsize=9)
    labels = [f"{setting}\n{value.replace('_', chr(10))}" for setting, value in variants]
    figure.axes[-1].set_xticks(range(len(variants)), labels, fontsize=7)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(4, len(names)), fontsize=8, title="layer", title_fontsize=8
    )
    figure.suptitle(f"{TITLE}\n{LEGEND}", fontsize=9)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, variants: list[tuple[str, str]]) -> None:
    layers = list(rows["layer"].unique())
    colours = islice(cycle((*COLOURS.values(), *OTHERS)), len(layers))
    axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(axis="y", alpha=0.3)
    for number, (layer, colour) in enumerate(zip(layers, colours, strict=True)):
        shift = (number - (len(layers) - 1) / 2) * 0.6 / len(layers)
        of_layer = rows[rows["layer"] == layer]
        positions = [variants.index(variant) + shift for variant in zip(of_layer["setting"], of_layer["value"], strict=True)]
        axes.scatter(positions, of_layer["difference"], s=10, color=colour, alpha=0.5, linewidths=0, label=layer)
    for at, (setting, value) in enumerate(variants):
        tau = rows.loc[(rows["setting"] == setting) & (rows["value"] == value), "kendall"].min()
        if pd.notna(tau):
            axes.text(at, 0.98, f"{tau:.2f}", transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=7)
    axes.set_ylabel("difference", fontsize=8)
    axes.margins(y=0.2)
