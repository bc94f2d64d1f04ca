"""Flagged scores are marked in every kind of figure, and a footnote says in words what of which model."""

import math

import numpy as np
import pandas as pd
import pytest

from stir.plotting.bars import draw_bars
from stir.plotting.growth import draw_growth
from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.layer_curves import draw_layer_curves
from stir.plotting.marks import HATCH
from stir.plotting.pictures import ImageRow, draw_pictures
from stir.plotting.saving import save_figure
from stir_workflow.stages.figure import PER_MEASURE
from tests.tables_of_scores import flagged, model, score_rows

AT_CHANCE = "at chance: clean accuracy is 10%"
SEEDS = [model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1)]
SIZES = [model("at", n_train=n_train) for n_train in (5000, 10000, 20000, None)]
FIRST, LAST = SEEDS[0]["model"], SEEDS[3]["model"]
UNDER_NULL = {"correlation_median": 0.980, "null_correlation_p99": 0.996}
FIGURES = {
    "heatmaps": (SEEDS, lambda scores, models: draw_heatmaps(scores)),
    "bars": (SEEDS, draw_bars),
    "layer_curves": (SEEDS, draw_layer_curves),
    "growth": (SIZES, draw_growth),
}


def drawn(kind, models=None, scores=None, **columns):
    made_of, draw = FIGURES[kind]
    models = models or made_of
    if scores is None:
        scores = flagged(score_rows(models, lambda *_: 0.5), models, **columns)
    return draw(scores, pd.DataFrame(models))


def footnote(figure):
    """Return the lines of the note that begin with the mark of flags."""
    lines = [line for text in figure.texts[-1:] for line in text.get_text().replace("\n   ", " ").split("\n")]
    return " ".join(line for line in lines if line.startswith("*"))


def place(text):
    """Return column and row of a cell's text."""
    return tuple(int(position) for position in text.get_position())


def stars(axes):
    return [float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "*"]


def crosses(axes):
    return [float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "x"]


def test_every_kind_of_figure_of_tables_is_tested_here():
    assert set(FIGURES) == {"heatmaps", *PER_MEASURE}, "test_marks.py: FIGURES"


@pytest.mark.parametrize("kind", FIGURES)
def test_a_footnote_names_flag_and_model_and_there_is_none_without_flags(kind):
    first = FIGURES[kind][0][0]["model"]
    said = f"* matched no better than by another image (no_better_than_null): {first}"
    assert footnote(drawn(kind, **UNDER_NULL)) == said
    clean = drawn(kind)
    assert footnote(clean) == ""
    assert not any(stars(axes) + crosses(axes) for axes in clean.axes)
    assert not any("*" in text.get_text() for axes in clean.axes for text in axes.texts)


@pytest.mark.parametrize("kind", FIGURES)
def test_the_footnote_stands_below_all_else(kind, tmp_path):
    figure = drawn(kind, **UNDER_NULL)
    save_figure(figure, tmp_path / kind)
    (note,) = [text for text in figure.texts if text.get_text().startswith("*")]
    top = note.get_window_extent().y1
    parts = [axes.get_tightbbox() for axes in figure.axes] + [legend.get_window_extent() for legend in figure.legends]
    assert min(part.y0 for part in parts) >= top - 1
    assert note.get_window_extent().x1 <= figure.bbox.x1


def test_cells_of_a_flagged_reference_have_a_mark_and_plain_similarity_has_none():
    left, right, _ = drawn("heatmaps", **UNDER_NULL).axes
    marked = {place(text) for text in left.texts if text.get_text().endswith("*")}
    assert marked == {(column, 0) for column in range(4)}
    assert not any("*" in text.get_text() for text in right.texts)


def test_a_model_at_chance_is_marked_as_reference_and_as_target_in_both_matrices():
    models = [*SEEDS[:3], SEEDS[3] | {"flag": AT_CHANCE}]
    figure = drawn("heatmaps", models)
    for axes in figure.axes:
        marked = {place(text) for text in axes.texts if text.get_text().endswith("*")}
        assert marked == {(3, other) for other in range(4)} | {(other, 3) for other in range(4)}
    assert f"(reference_at_chance): {LAST}" in footnote(figure)
    assert f"(target_at_chance): {LAST}" in footnote(figure)


def test_one_seed_without_a_number_leaves_the_cell_without_one():
    scores = flagged(score_rows(SEEDS, lambda *_: 0.5), SEEDS)
    one = (scores["reference_model"] == FIRST) & (scores["target_model"] == LAST)
    scores.loc[one & (scores["random_seed"] == 1), "stir"] = math.nan
    left = drawn("heatmaps", scores=scores.drop(columns="flags")).axes[0]
    assert {place(text): text.get_text() for text in left.texts}[3, 0] == "–*"


def test_a_matrix_without_any_number_of_a_model_is_drawn():
    scores = flagged(score_rows(SEEDS, lambda *_: 0.5), SEEDS, stir=math.nan)
    left = drawn("heatmaps", scores=scores).axes[0]
    assert [text.get_text() for text in left.texts].count("–*") == 4


def test_bars_of_flagged_scores_are_hatched():
    (axes,) = drawn("bars", **UNDER_NULL).axes
    hatched = [patch.get_x() + patch.get_width() / 2 for patch in axes.patches if patch.get_hatch() == HATCH]
    assert hatched == pytest.approx([-0.2])
    assert [text.get_text() for text in axes.texts] == ["0.50*", "0.50", "0.95", "0.50", "0.50", "0.95"]


def test_a_bar_without_a_number_says_so():
    (axes,) = drawn("bars", stir=math.nan).axes
    text = next(text for text in axes.texts if text.get_text() == "–*")
    assert text.get_position()[1] == pytest.approx(0.012)


def test_flagged_points_of_curves_are_stars_and_missing_ones_crosses_on_the_axis():
    (axes,) = drawn("layer_curves", **UNDER_NULL).axes
    assert stars(axes) == [0.5]
    (axes,) = drawn("layer_curves", stir=math.nan).axes
    assert crosses(axes) == [axes.get_ylim()[0]]


def test_flagged_points_of_growth_are_stars_and_missing_ones_crosses_on_the_axis():
    (axes,) = drawn("growth", **UNDER_NULL).axes
    assert stars(axes) == [0.5, 0.5]
    (axes,) = drawn("growth", stir=math.nan).axes
    assert crosses(axes) == [axes.get_ylim()[0]] * 2


def test_pictures_of_flagged_iris_have_a_mark_and_so_has_the_error_of_one_that_did_not_converge():
    images, errors = np.zeros((2, 1, 4, 4)), np.array([0.05, 0.2])
    rows = [
        ImageRow("reference images", images),
        ImageRow("IRIs of zebra", images, errors, np.array([True, False]), "zebra", ["few_converged"]),
        ImageRow("IRIs of ape", images, errors / 4, np.array([True, True]), "ape"),
    ]
    figure = draw_pictures(rows)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["reference images", "IRIs of zebra*", "0.050", "0.200*", "IRIs of ape", "0.013", "0.050"]
    assert footnote(figure) == "* under 80% of the images within the tolerance (few_converged): zebra"


def test_the_title_of_a_narrow_heatmap_is_not_cut():
    few = flagged(score_rows(SEEDS[:2], lambda *_: 0.5), SEEDS[:2], **UNDER_NULL)
    figure = drawn("heatmaps", scores=few)
    title = next(text for text in figure.texts if text.get_text().startswith("layer"))
    extent = title.get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.x1
