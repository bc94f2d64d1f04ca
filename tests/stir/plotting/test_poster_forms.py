"""Bars, layer curves and growth show the table's numbers, for the pairs that they are of."""

import numpy as np
import pandas as pd
import pytest

from stir.errors import InvalidInputError
from stir.plotting.bars import draw_bars
from stir.plotting.growth import draw_growth
from stir.plotting.layer_curves import draw_layer_curves
from tests.tables_of_scores import model, score_rows

LAYERS = ("stage1", "stage2", "penultimate")
SEEDS = [model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1)]
LEVEL = {"vanilla": 0.5, "at": 0.8}


def of_seeds(reference, target, layer, seed):
    """Higher with m2 as the reference, lower at later layers, and one step of .02 up and down over seeds."""
    if reference["objective"] != target["objective"]:
        return 0.0
    return LEVEL[reference["objective"]] + 0.1 * reference["training_seed"] - 0.05 * layer + 0.02 * (seed - 1)


def bars_of(axes):
    return [patch.get_height() for container in axes.containers if hasattr(container, "patches") for patch in container.patches]


def curves(axes):
    return {line.get_label(): line.get_ydata() for line in axes.lines if not line.get_label().startswith("_")}


def test_bars_hold_both_directions_and_plain_similarity_of_each_training():
    scores = score_rows(SEEDS, of_seeds, lambda r, t, *_: 0.96 if r["objective"] == "vanilla" else 0.94)
    (axes,) = draw_bars(scores, pd.DataFrame(SEEDS)).axes
    assert bars_of(axes) == pytest.approx([0.5, 0.6, 0.96, 0.8, 0.9, 0.94])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["STIR(m2 | m1)", "STIR(m1 | m2)", "linear_cka(m1, m2)"]
    assert [text.get_text() for text in axes.texts] == ["0.50", "0.60", "0.96", "0.80", "0.90", "0.94"]


def test_error_bars_are_one_standard_deviation():
    (axes,) = draw_bars(score_rows(SEEDS, of_seeds), pd.DataFrame(SEEDS)).axes
    segments = [line for collection in axes.collections for line in collection.get_segments()]
    lengths = [line[1][1] - line[0][1] for line in segments]
    assert lengths == pytest.approx([0.04, 0.04, 0.0, 0.04, 0.04, 0.0])


def test_bars_are_of_the_last_layer():
    (axes,) = draw_bars(score_rows(SEEDS, of_seeds, layers=LAYERS), pd.DataFrame(SEEDS)).axes
    assert bars_of(axes)[:2] == pytest.approx([0.4, 0.5])


def test_a_panel_for_each_dataset_of_images():
    scores = score_rows(SEEDS, of_seeds, images_datasets=("cifar10", "cifar100"))
    scores.loc[scores["images_dataset"] == "cifar100", "stir"] -= 0.3
    first, second = draw_bars(scores, pd.DataFrame(SEEDS)).axes
    assert (first.get_title(), second.get_title()) == ("images of cifar10", "images of cifar100")
    assert bars_of(first)[0] == pytest.approx(0.5)
    assert bars_of(second)[0] == pytest.approx(0.2)


def test_titles_say_of_what_and_of_how_many():
    title = draw_bars(score_rows(SEEDS, of_seeds), pd.DataFrame(SEEDS)).get_suptitle()
    for part in (
        "training seeds",
        "penultimate",
        "n = 1,000 images",
        "lbfgs",
        "3 inversion seeds",
        "1 pair at",
        "1 pair vanilla",
    ):
        assert part in title


def test_layer_curves_hold_means_in_the_order_of_layers():
    scores = score_rows(SEEDS, of_seeds, lambda r, t, layer, _: 0.9 - 0.01 * layer, layers=LAYERS)
    (axes,) = draw_layer_curves(scores, pd.DataFrame(SEEDS)).axes
    found = curves(axes)
    np.testing.assert_allclose(found["STIR, vanilla"], [0.55, 0.50, 0.45])
    np.testing.assert_allclose(found["STIR, at"], [0.85, 0.80, 0.75])
    np.testing.assert_allclose(found["linear_cka, at"], [0.9, 0.89, 0.88])
    assert [label.get_text() for label in axes.get_xticklabels()] == list(LAYERS)


def test_bands_are_one_standard_deviation_over_pairs_and_seeds():
    scores = score_rows(SEEDS, of_seeds, layers=LAYERS)
    (axes,) = draw_layer_curves(scores, pd.DataFrame(SEEDS)).axes
    spread = np.std([0.48, 0.50, 0.52, 0.58, 0.60, 0.62], ddof=1)
    heights = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(0.55 + spread)
    assert heights.min() == pytest.approx(0.45 - spread)


def test_where_training_datasets_differ_curves_are_of_pairs_that_differ_in_them():
    models = [model("at", seed, training_dataset=dataset) for dataset in ("cifar10", "cifar100") for seed in (0, 1)]
    scores = score_rows(models, lambda r, t, *_: 0.3 if r["training_dataset"] != t["training_dataset"] else 0.9, layers=LAYERS)
    figure = draw_layer_curves(scores, pd.DataFrame(models))
    np.testing.assert_allclose(curves(figure.axes[0])["STIR, at"], [0.3, 0.3, 0.3])
    assert "training datasets" in figure.get_suptitle()


def test_layers_that_architectures_call_differently_stand_at_one_place():
    models = [model("at", seed, architecture=name, model=f"{name}-{seed}") for name in ("resnet18", "vgg16") for seed in (0, 1)]
    scores = score_rows(models, lambda r, t, layer, _: 0.9 - 0.1 * layer, layers=("early", "late"))
    of_vgg = scores["reference_model"].str.startswith("vgg")
    scores["reference_layer"] = scores["reference_layer"].where(~of_vgg, "block." + scores["reference_layer"])
    (axes,) = draw_layer_curves(scores, pd.DataFrame(models)).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["early\nblock.early", "late\nblock.late"]
    assert {"STIR, resnet18 at", "STIR, vgg16 at"} <= set(curves(axes))
    colours = {line.get_color() for line in axes.lines if line.get_label().startswith("STIR")}
    assert len(colours) == 2


GROWING = [model("at", n_train=n_train) for n_train in (5000, 10000, 20000, None)]


def of_sizes(reference, target, layer, seed):
    first, second = (each["n_train"] or 45000 for each in (reference, target))
    return min(first, second) / 50000 + (0.1 if first > second else 0) + (0.2 if 45000 in (first, second) else 0)


def test_growth_holds_each_direction_against_the_next_size_and_the_full_set():
    (axes,) = draw_growth(score_rows(GROWING, of_sizes), pd.DataFrame(GROWING)).axes
    found = curves(axes)
    np.testing.assert_allclose(found["STIR(next | size)"], [0.1, 0.2, 0.6])
    np.testing.assert_allclose(found["STIR(size | next)"], [0.2, 0.3, 0.7])
    np.testing.assert_allclose(found["STIR(full | size)"], [0.3, 0.4, 0.6])
    np.testing.assert_allclose(found["STIR(size | full)"], [0.4, 0.5, 0.7])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["5,000", "10,000", "20,000"]
    assert "the full set" in axes.get_xlabel()


def test_growth_has_a_panel_for_each_objective_and_dataset_of_images():
    models = GROWING + [model("vanilla", n_train=n_train) for n_train in (5000, 10000, 20000)]
    scores = score_rows(models, of_sizes, images_datasets=("cifar10", "cifar100"))
    titles = [axes.get_title() for axes in draw_growth(scores, pd.DataFrame(models)).axes]
    assert titles == [
        "at, images of cifar10",
        "vanilla, images of cifar10",
        "at, images of cifar100",
        "vanilla, images of cifar100",
    ]


@pytest.mark.parametrize("draw", [draw_bars, draw_layer_curves, draw_growth])
def test_tables_without_such_pairs_are_refused(draw):
    models = [model("at"), model("vanilla")]
    with pytest.raises(InvalidInputError, match="leave the figure out"):
        draw(score_rows(models, of_seeds), pd.DataFrame(models))


def test_a_score_that_is_no_number_is_not_averaged_away():
    scores = score_rows(SEEDS, of_seeds)
    scores.loc[(scores["reference_model"] == "cifar10-resnet18-at-0") & (scores["random_seed"] == 1), "stir"] = float("nan")
    (axes,) = draw_bars(scores, pd.DataFrame(SEEDS)).axes
    assert np.isnan(bars_of(axes)[3])
