"""Intervals are over what is independent, and cover as often as they say."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stir_workflow.statements.estimate import ARCHITECTURE, TRAINING, estimate
from stir_workflow.statements.pairs import both, mean
from tests.tables_of_scores import model


def rows_of(models, scores, seeds=(0,)):
    """Pairs of different models as `pairs_of` gives them, as far as estimates read them."""
    rows = []
    for reference in models:
        for target in models:
            if reference["model"] == target["model"]:
                continue
            for seed in seeds:
                sides = {
                    f"{side}_{name}": value
                    for side, one in (("reference", reference), ("target", target))
                    for name, value in {**one, "recipe": one["objective"]}.items()
                }
                rows.append(sides | {"random_seed": seed, "stir": scores(reference, target, seed)})
    return pd.DataFrame(rows)


def of_stir(rows):
    return mean(rows, "stir")


def test_the_interval_over_inversion_seeds_is_students_on_their_means():
    values = {0: 0.50, 1: 0.56, 2: 0.53}
    rows = rows_of([model("at", 0), model("at", 1)], lambda r, t, seed: values[seed], seeds=values)
    found = estimate(rows, of_stir)
    expected = stats.t.interval(0.95, 2, loc=0.53, scale=0.03 / math.sqrt(3))
    assert found.interval() == pytest.approx(expected)
    assert (found.unit, found.n, found.value) == ("inversion seeds", 3, pytest.approx(0.53))


def test_inversion_seeds_are_paired_across_groups():
    models = [model(objective, seed) for objective in ("at", "vanilla") for seed in (0, 1)]
    rows = rows_of(models, lambda r, t, seed: 0.2 * seed + (0.3 if r["objective"] == "at" else 0), seeds=(0, 1, 2))
    rows = pd.concat([both(rows, objective="at"), both(rows, objective="vanilla")])
    found = estimate(rows, lambda r: mean(both(r, objective="at"), "stir") - mean(both(r, objective="vanilla"), "stir"))
    assert found.interval() == pytest.approx((0.3, 0.3)), "what a seed does to both groups cancels"


def test_from_three_trainings_on_the_interval_is_over_trainings():
    rows = rows_of([model("at", seed) for seed in range(3)], lambda r, t, s: 0.1 * (r["training_seed"] + t["training_seed"]))
    found = estimate(rows, of_stir)
    # Without model i, the mean is that of the pair of the others: .3, .2, .1; so the variance is 2/3 * 2 * .1²
    assert (found.unit, found.n, found.degrees) == ("trainings", 3, pytest.approx(2))
    assert found.error == pytest.approx(math.sqrt(2 / 3 * 0.02))


def test_one_pair_and_one_inversion_seed_have_no_interval():
    found = estimate(rows_of([model("at", 0), model("at", 1)], lambda *_: 0.5), of_stir)
    assert (found.unit, found.n) == ("none", 1)
    assert all(map(math.isnan, found.interval()))


def test_the_interval_covers_as_often_as_it_says_where_pairs_share_models():
    generator = np.random.default_rng(0)
    models = [model("at", seed) for seed in range(4)]
    covered = naive = 0
    for _ in range(300):
        own = generator.normal(size=4)
        noise = generator.normal(size=(4, 4)) * 0.3
        rows = rows_of(
            models,
            lambda r, t, s, own=own, noise=noise: (
                own[r["training_seed"]] + own[t["training_seed"]] + noise[r["training_seed"], t["training_seed"]]
            ),
        )
        low, high = estimate(rows, of_stir).interval()
        covered += low < 0 < high
        values = rows["stir"].to_numpy()
        low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
        naive += low < 0 < high
    assert covered / 300 > 0.92
    assert naive / 300 < 0.85, "pairs taken as independent would have claimed too much"


def test_architectures_are_left_out_whole():
    models = [
        model("at", seed, architecture=architecture, network=architecture, family=architecture[:3])
        for architecture in ("resnet18", "resnet34", "vgg16", "vgg19")
        for seed in (0, 1)
    ]
    rows = rows_of(models, lambda *_: 0.5)
    assert estimate(rows, of_stir, ARCHITECTURE).n == 4
    assert estimate(rows, of_stir, TRAINING).n == 8


def test_published_spreads_are_propagated_as_standard_errors():
    rows = pd.DataFrame({"stir": [0.6, 0.5], "stir_sd": [0.03, 0.04], "similarity": [0.9, 0.9], "similarity_sd": [0.0, 0.0]})
    low, high = estimate(rows, of_stir).interval()
    assert (low, high) == pytest.approx(stats.norm.interval(0.95, loc=0.55, scale=0.025))


def with_images(rows, of_image):
    return rows.assign(stir_without_each=[row.stir + of_image(row) for row in rows.itertuples()])


def test_the_variance_over_images_is_added():
    rows = rows_of([model("at", seed) for seed in range(3)], lambda r, t, s: 0.1 * (r["training_seed"] + t["training_seed"]))
    moved = np.linspace(-1, 1, 50) / 100
    found, alone = estimate(with_images(rows, lambda row: moved), of_stir), estimate(rows, of_stir)
    assert found.unit == "trainings and images"
    assert (found.n, found.value) == (alone.n, alone.value)
    assert found.error**2 == pytest.approx(alone.error**2 + 49 * np.var(moved))


def test_an_image_that_moves_both_scores_of_a_difference_alike_adds_nothing_to_its_error():
    models = [model(objective, seed) for objective in ("at", "vanilla") for seed in (0, 1)]
    rows = rows_of(models, lambda r, t, seed: 0.2 * seed + (0.3 if r["objective"] == "at" else 0), seeds=(0, 1, 2))
    rows = pd.concat([both(rows, objective="at"), both(rows, objective="vanilla")])
    moved = np.linspace(-1, 1, 50) / 100
    found = estimate(
        with_images(rows, lambda row: moved),
        lambda r: mean(both(r, objective="at"), "stir") - mean(both(r, objective="vanilla"), "stir"),
    )
    assert found.unit == "inversion seeds and images"
    assert found.interval() == pytest.approx((0.3, 0.3))


def test_images_alone_give_no_interval_and_too_few_add_nothing():
    one = rows_of([model("at", 0), model("at", 1)], lambda *_: 0.5)
    assert estimate(with_images(one, lambda row: np.linspace(-1, 1, 50)), of_stir).unit == "none"
    several = rows_of([model("at", 0), model("at", 1)], lambda r, t, seed: 0.1 * seed, seeds=(0, 1))
    assert estimate(with_images(several, lambda row: np.linspace(-1, 1, 19)), of_stir).unit == "inversion seeds"


def test_two_trainings_that_are_compared_only_with_each_other_have_no_spread_of_trainings():
    """Leaving either out leaves the other architectures alone: a spread of zero, which is none that was seen."""
    of_each = [rows_of([model("at", seed, architecture=name) for seed in (0, 1)], lambda *_: 0.5) for name in ("vgg6", "resnet8")]
    rows = pd.concat(of_each, ignore_index=True)
    for side in ("reference", "target"):
        rows[f"{side}_recipe"] = rows[f"{side}_architecture"]
    assert estimate(rows, of_stir).unit == "none"
