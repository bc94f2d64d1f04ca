"""Figures show the controls of scores, and those of tables without controls are drawn without."""

import pandas as pd
import pytest

from stir.errors import InvalidInputError
from stir.plotting.bars import draw_bars
from stir.plotting.growth import draw_growth
from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.layer_curves import draw_layer_curves
from stir.table_controls import CONTROL_COLUMNS, with_holm
from tests.tables_of_scores import model, score_rows

SEEDS = [model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1)]
SIZES = [model("at", n_train=n_train) for n_train in (5000, 10000, 20000, None)]
FIRST = SEEDS[0]["model"]
WITHOUT = {"columns": with_holm(CONTROL_COLUMNS), "errors": "ignore"}


def table(models=SEEDS, **settings):
    return score_rows(models, lambda *_: 0.5, **settings)


def not_above_null(scores, reference=FIRST):
    return scores.assign(stir_null_p_holm=(scores["reference_model"] == reference).map({True: 0.06, False: 0.05}))


def cells(axes):
    return {tuple(int(part) for part in text.get_position()): text.get_text() for text in axes.texts}


def note(figure):
    return figure.texts[-1].get_text().replace("\n   ", " ")


def lines(axes):
    return [line for line in axes.lines if line.get_label() in {"ceiling", "noise", "noise, at", "untrained", "seed images"}]


def test_a_third_matrix_shows_the_excess_on_a_scale_whose_middle_is_0():
    scores = table()
    scores.loc[(scores["reference_model"] == FIRST) & (scores["target_model"] != FIRST), "stir_excess"] = -0.25
    figure = draw_heatmaps(scores)
    excess = figure.axes[2]
    assert excess.get_title() == "excess over noise"
    assert {cells(excess)[column, 0] for column in (1, 2, 3)} == {"-0.25"}
    (mesh,) = excess.collections
    assert mesh.get_clim() == pytest.approx((-0.3, 0.3))
    assert "excess: (STIR - noise) / (ceiling - noise)" in note(figure)


def test_an_excess_beyond_the_scale_keeps_its_number_and_the_bar_has_a_pointed_end():
    figure = draw_heatmaps(table().assign(stir_excess=-3.14159))
    assert cells(figure.axes[2])[1, 0] == "-3.14"
    (bar,) = figure.axes[2].child_axes
    assert figure.axes[2].collections[0].colorbar.extend == "min"
    assert bar.get_ylim() == (-1, 1)


def test_cells_that_are_not_above_the_null_are_marked_and_the_note_says_how_many():
    figure = draw_heatmaps(not_above_null(table()))
    stir, plain, excess = figure.axes
    for axes in (stir, excess):
        assert {place for place, text in cells(axes).items() if text.endswith("°")} == {(column, 0) for column in range(4)}
    assert not any("°" in text for text in cells(plain).values())
    assert "° STIR not above that of shuffled images (p > 0.05 after Holm's correction over the table): 4 of 16 pairs" in note(
        figure
    )


@pytest.mark.parametrize(("draw", "models"), [(draw_bars, SEEDS), (draw_layer_curves, SEEDS), (draw_growth, SIZES)])
def test_other_figures_mark_what_is_not_above_the_null(draw, models):
    figure = draw(not_above_null(table(models), models[0]["model"]), pd.DataFrame(models))
    assert "°" in "".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert "° STIR not above" in note(figure)
    clean = draw(table(models), pd.DataFrame(models))
    assert "°" not in "".join(text.get_text() for axes in clean.axes for text in axes.texts) + note(clean)


def test_intervals_are_written_into_the_cells_of_stir_where_they_are_asked_for():
    figure = draw_heatmaps(table(), intervals=True)
    found = [text.get_text() for text in figure.axes[0].texts]
    assert found.count("[0.48, 0.52]") == 12
    assert found.count("[0.98, 1.00]") == 4
    assert not any("[" in text.get_text() for axes in figure.axes[1:] for text in axes.texts)
    assert "95% interval over images" in note(figure)
    assert not any("[" in text for text in cells(draw_heatmaps(table()).axes[0]).values())


def test_references_that_are_no_targets_make_a_matrix_of_fewer_rows():
    scores = table()
    few = scores[scores["reference_model"] == FIRST].replace({"reference_model": {FIRST: "metamers"}})
    few = few.assign(similarity=float("nan"), inversion_error_median=float("nan"), converged_fraction=float("nan"))
    figure = draw_heatmaps(few)
    assert set(cells(figure.axes[0])) == {(column, 0) for column in range(4)}
    assert "inversion error" not in figure.get_suptitle()
    assert "grey" not in note(figure)


def test_bars_have_lines_of_the_ceiling_and_the_floors():
    scores = table()
    scores.loc[scores["reference_model"].str.contains("-at-"), "stir_noise"] = 0.7
    figure = draw_bars(scores, pd.DataFrame(SEEDS))
    heights = {label: set() for label in ("ceiling", "noise", "untrained", "seed images")}
    (axes,) = figure.axes
    styles = {line.get_linestyle(): line.get_label() for line in lines(axes)}
    for line in axes.lines:
        if len(line.get_xdata()) == 2 and line.get_linestyle() in styles:
            heights[styles[line.get_linestyle()]].add(round(float(line.get_ydata()[0]), 3))
    assert heights == {"ceiling": {0.998}, "noise": {0.3, 0.7}, "untrained": {0.2}, "seed images": {0.05}}
    assert [text.get_text() for text in figure.legends[0].texts] == [*heights, "vanilla", "at"]
    assert "noise: X plus noise of the size of X' - X in place of X'" in note(figure)


def test_curves_have_noise_of_each_training_and_bands_from_the_lowest_to_the_highest():
    scores = table(layers=("early", "late"))
    scores.loc[scores["reference_model"] == FIRST, "stir_untrained"] = 0.4
    (axes,) = draw_layer_curves(scores, pd.DataFrame(SEEDS)).axes
    assert {line.get_label() for line in lines(axes)} == {"ceiling", "noise, at", "untrained", "seed images"}
    spans = [collection.get_paths()[0].vertices[:, 1] for collection in axes.collections]
    assert (0.2, 0.4) in {(float(span.min()), float(span.max())) for span in spans}


@pytest.mark.parametrize("draw", [draw_bars, draw_layer_curves])
def test_tables_without_controls_are_drawn_without(draw):
    figure = draw(table().drop(**WITHOUT), pd.DataFrame(SEEDS))
    assert not lines(figure.axes[0])
    assert not any("noise" in text.get_text() for text in figure.texts)


def test_heatmaps_of_tables_without_controls_have_two_matrices_and_no_intervals():
    scores = table().drop(**WITHOUT)
    assert len(draw_heatmaps(scores).axes) == 2
    with pytest.raises(InvalidInputError, match="stir_low"):
        draw_heatmaps(scores, intervals=True)
