"""A heatmap shows the table's numbers, reference in rows and target in columns."""

import itertools

import numpy as np
import pandas as pd
import pytest

from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.saving import FORMATS, save_figure

MODELS = ["zebra", "ape", "bee"]
STIR = {pair: 0.05 + 0.1 * number for number, pair in enumerate(itertools.product(MODELS, MODELS))}


@pytest.fixture
def scores():
    rows = [
        {
            "reference_model": reference,
            "target_model": target,
            "reference_layer": "stage3",
            "similarity_measure": "linear_cka",
            "inversion_method": "lbfgs",
            "random_seed": random_seed,
            "stir": STIR[reference, target] + (0.02 if random_seed else -0.02),
            "similarity": 0.5,
            "n_images": 300,
            "images_dataset": "digits",
            "inversion_error_median": 0.09,
            "converged_fraction": 0.87 if reference == "ape" else 1.0,
        }
        for reference, target in STIR
        for random_seed in (0, 1)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def figure(scores):
    return draw_heatmaps(scores)


def matrices(figure):
    return [axes for axes in figure.axes if axes.get_xlabel() == "target model"]


def cells(axes):
    return {tuple(int(place) for place in text.get_position()): text.get_text() for text in axes.texts}


def test_cells_hold_the_mean_of_the_table_reference_in_rows_target_in_columns(figure):
    left, right = matrices(figure)
    expected = {
        (column, row): f"{STIR[reference, target]:.2f}"
        for row, reference in enumerate(MODELS)
        for column, target in enumerate(MODELS)
    }
    assert cells(left) == expected
    assert len(set(expected.values())) == 9, "a table that is its own transpose would show nothing"
    assert set(cells(right).values()) == {"0.50"}


def colours(axes):
    (mesh,) = [part for part in axes.collections if part.get_array() is not None]
    return mesh


def test_colours_are_of_the_same_numbers_and_a_model_with_itself_has_none(figure):
    expected = [[STIR[row, column] if row != column else np.nan for column in MODELS] for row in MODELS]
    np.testing.assert_allclose(colours(matrices(figure)[0]).get_array().filled(np.nan), expected)
    assert "grey: a model with itself" in figure.texts[-1].get_text()


def test_models_stand_in_the_tables_order(figure):
    for axes in matrices(figure):
        assert [label.get_text() for label in axes.get_xticklabels()] == MODELS
        assert axes.bbox.width == pytest.approx(axes.bbox.height), "square cells"
    left = matrices(figure)[0]
    assert [label.get_text() for label in left.get_yticklabels()] == MODELS
    assert left.get_ylabel() == "reference model"


def test_both_matrices_share_one_colour_scale_which_spans_different_models(figure):
    limits = {(colours(axes).get_clim(), colours(axes).get_cmap().name) for axes in matrices(figure)}
    assert limits == {((0.1, 0.8), "viridis")}
    assert len([bar for axes in matrices(figure) for bar in axes.child_axes]) == 1


def test_titles_say_what_it_was_measured_with(figure):
    title = figure.get_suptitle()
    for part in ("stage3", "n = 300 images", "images of digits", "lbfgs", "0.090", "87%"):
        assert part in title
    left, right = matrices(figure)
    assert "2 inversion seeds" in title
    assert (left.get_title(), right.get_title()) == ("STIR", "plain linear_cka")


def test_one_inversion_seed_is_singular(scores):
    assert "1 inversion seed," in draw_heatmaps(scores[scores["random_seed"] == 0]).get_suptitle()


def test_one_model_is_drawn(scores):
    rows = scores[(scores["reference_model"] == "bee") & (scores["target_model"] == "bee")]
    assert cells(matrices(draw_heatmaps(rows))[0]) == {(0, 0): "0.85"}


def test_files_are_the_same_bit_for_bit_each_time(scores, tmp_path):
    first = {path.name: path.read_bytes() for path in save_figure(draw_heatmaps(scores), tmp_path / "tiny", FORMATS)}
    again = {path.name: path.read_bytes() for path in save_figure(draw_heatmaps(scores), tmp_path / "tiny", FORMATS)}
    assert first == again
    assert sorted(first) == sorted(path.name for path in tmp_path.iterdir()) == ["tiny.pdf", "tiny.png", "tiny.svg"]
    assert first["tiny.png"].startswith(b"\x89PNG")
    assert b">0.85<" in first["tiny.svg"], "texts stay texts"
    assert b"/FontFile2" in first["tiny.pdf"], "TrueType, in which letters can be edited"
    assert b"/Type3" not in first["tiny.pdf"]
