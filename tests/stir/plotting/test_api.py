"""`stir.plotting` draws results and tables into axes, with chosen models, names and sizes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from torch import nn

import stir
from stir.errors import InvalidInputError
from stir.plotting import plot_bars, plot_heatmap, plot_layers, show_iris
from stir.plotting.saving import save_as
from stir.tables import csv_text
from tests.tables_of_scores import model, score_rows, wobble

MODELS = [model("vanilla", 0), model("vanilla", 1), model("at", 0), model("at", 1)]
NAMES = [row["model"] for row in MODELS]
PLOTS = [plot_heatmap, plot_layers, plot_bars]
PROTRUDING = 0 if tuple(map(int, matplotlib.__version__.split(".")[:2])) >= (3, 11) else 3
"""Pixels; the layout of matplotlib 3.10 is not exact in a narrow figure."""


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def scores():
    def stir_of(reference, target, layer, seed):
        return 0.5 + 0.1 * layer + wobble(reference, target, seed, 0.2)

    return score_rows(MODELS, stir_of, layers=["stage3", "penultimate"])


@pytest.fixture
def table(scores, tmp_path):
    (tmp_path / "mine.csv").write_text(csv_text(scores))
    (tmp_path / "mine-models.csv").write_text(csv_text(pd.DataFrame(MODELS)))
    return tmp_path / "mine.csv"


@pytest.fixture(scope="module")
def matrix(digits):
    torch.manual_seed(0)
    nets = {name: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10)) for name in ("a", "b")}
    with pytest.warns(stir.errors.ConvergenceWarning):
        return stir.shared_invariance_matrix(nets, digits[0][:24], max_iterations=3, layer=["2", None])


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("plot", PLOTS)
def test_a_table_a_path_and_a_result_are_drawn(plot, scores, table, matrix):
    for results in (scores, str(table), matrix):
        assert isinstance(plot(results, ax=plt.figure().add_subplot()), Axes)
    assert isinstance(plot(table), Axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_the_axes_that_are_given_are_drawn_into_and_returned(plot, table):
    figure, (left, right) = plt.subplots(1, 2)
    assert plot(table, ax=right) is right
    assert right.has_data()
    assert not left.has_data()
    assert not figure.get_suptitle()


def test_models_are_chosen_ordered_and_named(scores, table):
    chosen = [NAMES[2], NAMES[0]]
    axes = plot_heatmap(table, models=chosen, names={NAMES[0]: "plain $x$"})
    assert [label.get_text() for label in axes.get_yticklabels()] == [NAMES[2], r"plain \$x\$"]
    rows = scores[scores["reference_layer"] == "penultimate"].groupby(["reference_model", "target_model"])["stir"].mean()
    assert texts(axes)[1] == f"{rows[NAMES[2], NAMES[0]]:.2f}"
    assert texts(axes)[2] == f"{rows[NAMES[0], NAMES[2]]:.2f}"


def test_a_layer_is_chosen(scores, table):
    first = scores[scores["reference_layer"] == "stage3"].groupby(["reference_model", "target_model"])["stir"].mean()
    assert texts(plot_heatmap(table, layer="stage3"))[1] == f"{first[NAMES[0], NAMES[1]]:.2f}"
    assert "stage3" in plot_bars(table, layer="stage3").figure.get_suptitle()


def test_without_a_table_of_models_each_pair_has_its_line_and_bars(scores):
    two = {"models": NAMES[:2]}
    lines = plot_layers(scores, ax=plt.figure().add_subplot(), **two).get_legend_handles_labels()[1]
    assert [line for line in lines if line.startswith("STIR")] == [
        f"STIR, {NAMES[0]} → {NAMES[1]}",
        f"STIR, {NAMES[1]} → {NAMES[0]}",
    ]
    pair = scores[(scores["reference_model"] == NAMES[0]) & (scores["target_model"] == NAMES[1])]
    expected = pair[pair["reference_layer"] == "penultimate"]["stir"].mean()
    assert texts(plot_bars(scores, **two))[0] == f"{expected:.2f}"
    assert plot_layers(scores, ax=plt.figure().add_subplot()).get_legend_handles_labels()[1][0] == "STIR, all pairs of models"


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("width", [3.3, 6.0])
def test_a_figure_is_as_wide_as_asked_and_letters_as_large(plot, table, width):
    axes = plot(table, width=width, font_size=6, names={name: f"model {number}" for number, name in enumerate(NAMES)})
    figure = axes.figure
    assert figure.get_figwidth() == pytest.approx(width)
    figure.draw_without_rendering()
    for text in [*figure.texts, *axes.get_xticklabels(), axes.xaxis.label, axes.yaxis.label]:
        extent = text.get_window_extent()
        assert extent.x0 >= -PROTRUDING, text
        assert extent.x1 <= figure.bbox.x1, text
        assert text.get_fontsize() <= 6 * 12 / 8.5
    if plot is plot_heatmap:
        assert [label.get_fontsize() for label in axes.get_yticklabels()] == pytest.approx([6] * 4)


def test_digits_that_do_not_fit_into_their_cells_are_left_out(table):
    assert texts(plot_heatmap(table, width=6.0))
    assert not any("0." in text for text in texts(plot_heatmap(table, width=3.1)))


def test_files_hold_texts_and_are_the_same_each_time(table, tmp_path):
    for suffix in ("svg", "pdf", "png"):
        written = [
            save_as(plot_heatmap(table, models=NAMES[:2]).figure, tmp_path / f"{n}.{suffix}").read_bytes() for n in range(2)
        ]
        assert written[0] == written[1]
    assert ">target model<" in (tmp_path / "0.svg").read_text()
    with pytest.raises(InvalidInputError, match="Unknown format of a figure 'gif'"):
        save_as(plt.figure(), tmp_path / "x.gif")


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.drop(columns=["stir", "n_images"]),
            r"columns stir, n_images; .*mine\.csv has none of these.*make run",
        ),
        (lambda rows: rows.assign(stir="high"), r"numbers in column stir of .*mine\.csv"),
        (lambda rows: rows.assign(reference_model=None), r"a name of at most 200 characters .* reference_model of .*mine\.csv"),
        (lambda rows: rows.assign(target_model="x" * 300), "a name of at most 200 characters"),
        (lambda rows: rows.head(0), r"mine\.csv has none"),
    ],
)
def test_tables_of_another_form_are_refused_by_name(plot, scores, table, change, message):
    table.write_text(csv_text(change(scores)))
    with pytest.raises(InvalidInputError, match=message):
        plot(table)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00x", b'a,b\n"1'])
def test_files_that_are_no_tables_are_refused_by_name(table, content):
    table.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"mine\.csv.*make run"):
        plot_heatmap(table)
    for path in (table.with_name("none.csv"), table.parent):
        with pytest.raises(InvalidInputError, match=path.name):
            plot_heatmap(path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"models": ["resnet"]}, r"Unknown model 'resnet' in .*mine\.csv\. Did you mean"),
        ({"models": []}, "each once"),
        ({"models": [NAMES[0], NAMES[0]]}, "each once"),
        ({"names": {"resnet": "x"}}, r"Unknown model with a display name 'resnet' in .*mine\.csv"),
        ({"names": {NAMES[0]: NAMES[1]}}, "twice"),
        ({"names": {NAMES[0]: 3}}, "Expected a text"),
        ({"names": ["x"]}, "as a mapping"),
        ({"layer": "stage9"}, "Unknown layer 'stage9'"),
        ({"similarity_measure": "cka"}, "Did you mean 'linear_cka'"),
        ({"images_dataset": "mnist"}, "Unknown dataset of images 'mnist'"),
        ({"width": 0.5}, "width from 1 to 100 inches"),
        ({"font_size": "large"}, "font_size from 3 to 60 points"),
        ({"width": 1.2}, "Choose a larger width"),
        ({"score": "cka"}, "Unknown score 'cka'"),
    ],
)
def test_wrong_choices_are_refused_with_what_there_is(table, how, message):
    with pytest.raises(InvalidInputError, match=message):
        plot_heatmap(table, **how)


def test_pictures_of_results_are_shown(matrix, digits, monkeypatch):
    inversion = matrix.inversions["a", "penultimate"]
    axes = show_iris(inversion, digits[0][:24], n=5)
    assert len(axes.images) == 15
    assert {"reference images", "seed images", "IRIs"} <= set(texts(axes))
    np.testing.assert_array_equal(axes.images[10].get_array(), inversion.iri_images[0, 0].clamp(0, 1))
    marked = [f"{error:.3f}*" for error, good in zip(inversion.inversion_error, inversion.converged, strict=True) if not good]
    assert set(marked[:1]) <= set(texts(axes))
    of_both = show_iris(matrix, n=3, models=["b", "a"], names={"a": "first"}, ax=plt.figure().add_subplot())
    assert [text for text in texts(of_both) if text.startswith("IRIs")] == ["IRIs of b", "IRIs of first"]
    assert of_both.get_title() == "layer penultimate"


@pytest.mark.parametrize(
    ("result", "how", "message"),
    [
        ("iris.h5", {}, "Pass what stir.invert or stir.load returns"),
        (None, {"n": 0}, "n as a number of images"),
        (None, {"models": ["c"]}, "Unknown model 'c'"),
        (None, {"reference_images": torch.zeros(2, 1, 8, 8)}, "as many reference images"),
        (None, {"reference_images": torch.zeros(24, 64)}, "images of shape"),
    ],
)
def test_what_has_no_pictures_is_refused(matrix, result, how, message):
    with pytest.raises(InvalidInputError, match=message):
        show_iris(result or matrix, **how)
