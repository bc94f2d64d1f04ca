"""Each part of each statement holds, fails and stays undecided on tables that were made so."""

import math

import pandas as pd
import pytest

from stir.errors import InvalidInputError
from stir_workflow.statements import NAMES, STATEMENTS, VERDICT_COLUMNS, judge
from tests.tables_of_scores import model, score_rows, wobble

SIZE = 0.01
LAYERS = ("stage1", "stage2", "penultimate")


def judged(name, models, stir, similarity=lambda *_: 0.95, **settings):
    scores = score_rows(
        models, lambda r, t, layer, s: stir(r, t, layer, s) + wobble(r, t, s + 100 * layer, SIZE), similarity, **settings
    )
    return judge([name], scores, pd.DataFrame(models))


def verdicts(table):
    return table.set_index("part")["verdict"].to_dict()


def by_objective(**values):
    return lambda reference, target, layer, seed: values[reference["objective"]]


SEEDS = [model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1)]


@pytest.mark.parametrize(
    ("stir", "cka", "expected"),
    [
        ({"vanilla": 0.6, "at": 0.9}, {"vanilla": 0.96, "at": 0.94}, ("holds", "holds", "holds", "holds")),
        ({"vanilla": 0.9, "at": 0.6}, {"vanilla": 0.7, "at": 0.7}, ("fails", "fails", "fails", "fails")),
        ({"vanilla": 0.9, "at": 0.9}, {"vanilla": 0.9, "at": 0.9}, ("undecided", "holds", "holds", "undecided")),
        ({"vanilla": 0.6, "at": 0.7}, {"vanilla": 0.99, "at": 0.75}, ("holds", "holds", "fails", "fails")),
        ({"vanilla": 0.6, "at": 0.7}, {"vanilla": 0.75, "at": 0.99}, ("holds", "fails", "holds", "fails")),
    ],
)
def test_random_init(stir, cka, expected):
    found = verdicts(judged("random_init", SEEDS, by_objective(**stir), by_objective(**cka)))
    parts = ("at_over_vanilla", "cka_high_vanilla", "cka_high_at", "stir_gap_over_cka_gap")
    assert tuple(found[part] for part in parts) == expected
    assert len(found) == 4


def test_random_init_compares_models_that_differ_in_nothing_but_the_seed():
    others = [model(objective, 0, architecture="vgg16") for objective in ("vanilla", "at")]
    alone = judged("random_init", SEEDS, by_objective(vanilla=0.6, at=0.9))
    among = judged(
        "random_init",
        SEEDS + others,
        lambda r, t, layer, s: (
            by_objective(vanilla=0.6, at=0.9)(r, t, layer, s) if r["architecture"] == t["architecture"] else 5.0
        ),
    )
    pd.testing.assert_frame_equal(alone, among)


ARCHITECTURES = ("resnet18", "resnet34", "vgg16", "vgg19")
MATRIX = [model(objective, architecture=architecture) for objective in ("at", "vanilla") for architecture in ARCHITECTURES]


def of_matrix(at, vanilla, residual, vgg, mixed=0.3):
    def stir(reference, target, layer, seed):
        same = reference["objective"] == target["objective"]
        level = {"at": at, "vanilla": vanilla}[reference["objective"]] if same else mixed
        return level + (residual if reference["architecture"].startswith("resnet") else vgg)

    return stir


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"at": 0.8, "vanilla": 0.4, "residual": 0.1, "vgg": 0.0}, ("holds", "holds")),
        ({"at": 0.4, "vanilla": 0.8, "residual": 0.0, "vgg": 0.1}, ("fails", "fails")),
        ({"at": 0.5, "vanilla": 0.5, "residual": 0.0, "vgg": 0.0}, ("undecided", "undecided")),
    ],
)
def test_losses_architectures(levels, expected):
    table = judged("losses_architectures", MATRIX, of_matrix(**levels))
    found = verdicts(table)
    assert (found["at_over_vanilla"], found["residual_reference"]) == expected
    assert found["also_residual_reference_at"] == expected[1]
    assert found["also_residual_reference_vanilla"] == expected[1]
    assert found["also_residual_reference_at_to_vanilla"] == expected[1]
    assert set(table["unit"]) == {"architectures"}


@pytest.mark.parametrize(("at_reference", "expected"), [(0.5, "holds"), (0.1, "fails"), (0.3, "undecided")])
def test_the_reference_of_mixed_pairs(at_reference, expected):
    def stir(reference, target, layer, seed):
        return at_reference if reference["objective"] == "at" else 0.3

    assert verdicts(judged("losses_architectures", MATRIX, stir))["also_at_reference"] == expected


def test_a_residual_reference_is_compared_on_the_same_two_networks():
    """Residual networks are near to each other here, which says nothing of who is the reference."""

    def stir(reference, target, layer, seed):
        near = reference["architecture"].startswith("resnet") and target["architecture"].startswith("resnet")
        return 0.9 if near else 0.5

    assert verdicts(judged("losses_architectures", MATRIX, stir))["residual_reference"] == "undecided"


DATASETS = [model(objective, training_dataset=dataset) for objective in ("vanilla", "at") for dataset in ("cifar10", "cifar100")]


def falling(vanilla, at):
    return lambda r, t, layer, s: 0.9 - {"vanilla": vanilla, "at": at}[r["objective"]] * layer


@pytest.mark.parametrize(
    ("stir", "cka", "drops", "less", "more"),
    [
        ((0.2, 0.1), (0.05, 0.05), "holds", "holds", "holds"),
        ((-0.2, -0.1), (0.0, 0.0), "fails", "fails", "fails"),
        ((0.1, 0.1), (0.1, 0.1), "holds", "undecided", "undecided"),
        ((0.0, 0.0), (0.2, 0.2), "undecided", "undecided", "fails"),
        ((0.1, 0.2), (0.0, 0.0), "holds", "fails", "holds"),
    ],
)
def test_training_datasets(stir, cka, drops, less, more):
    found = verdicts(judged("training_datasets", DATASETS, falling(*stir), falling(*cka), layers=LAYERS))
    assert len(found) == 5
    for objective in ("vanilla", "at"):
        assert found[f"stir_drops_{objective}"] == drops
        assert found[f"stir_drops_more_than_cka_{objective}"] == more
    assert found["at_drops_less"] == less


def test_training_datasets_are_judged_for_each_dataset_of_images():
    table = judged("training_datasets", DATASETS, falling(0.2, 0.1), layers=LAYERS, images_datasets=("cifar10", "cifar100"))
    assert table["images_dataset"].value_counts().to_dict() == {"cifar10": 5, "cifar100": 5}
    assert set(table["layer"]) == {"stage1 to penultimate"}


def test_pairs_of_one_training_dataset_say_nothing_of_two():
    seeds = [{**each, "training_seed": 1, "model": each["model"] + "-again"} for each in DATASETS]

    def stir(reference, target, layer, seed):
        apart = reference["training_dataset"] != target["training_dataset"]
        return falling(0.2, 0.1)(reference, target, layer, seed) if apart else 0.9 + 3.0 * layer

    table = judged("training_datasets", DATASETS + seeds, stir, layers=LAYERS)
    assert verdicts(table)["stir_drops_vanilla"] == "holds"
    assert set(table["unit"]) == {"trainings"}


def at_layers(*differences):
    return lambda r, t, layer, s: 0.5 + (differences[layer] if r["objective"] == "at" else 0)


@pytest.mark.parametrize(
    ("differences", "each", "everywhere"),
    [
        ((0.1, 0.2, 0.3), ["holds", "holds", "holds"], "holds"),
        ((0.1, -0.2, 0.3), ["holds", "fails", "holds"], "fails"),
        ((0.1, 0.0, 0.3), ["holds", "undecided", "holds"], "undecided"),
    ],
)
def test_random_init_layers(differences, each, everywhere):
    table = judged("random_init_layers", SEEDS, at_layers(*differences), layers=LAYERS)
    assert list(table["verdict"]) == [everywhere, *each]
    assert list(table["layer"]) == ["stage1 to penultimate", *LAYERS]
    assert table["value"].iloc[0] == pytest.approx(table["value"].iloc[1:].min())


def test_the_smallest_of_several_fails_at_a_level_corrected_for_their_number():
    table = judged("random_init_layers", SEEDS, at_layers(0.1, -0.2, 0.3), layers=LAYERS)
    assert table["high"].iloc[0] > table["high"].iloc[2]
    assert table["low"].iloc[0] == pytest.approx(table["low"].iloc[2])


DEFENCES = [model(objective, seed) for objective, seed in (("at", 0), ("at", 1), ("trades", 0), ("mart", 0))]


def of_defences(between, seeds=0.94):
    return lambda r, t, layer, s: seeds if r["objective"] == t["objective"] else between


@pytest.mark.parametrize(
    ("between", "seeds", "moderate", "below"),
    [
        (0.7, 0.94, "holds", "holds"),
        (0.95, 0.85, "fails", "fails"),
        (0.9, 0.9, "undecided", "undecided"),
        (0.7, 0.6, "holds", "fails"),
        (0.92, 0.97, "fails", "holds"),
    ],
)
def test_defences(between, seeds, moderate, below):
    found = verdicts(judged("defences", DEFENCES, of_defences(between, seeds)))
    pairs = ("at_trades", "at_mart", "trades_mart")
    assert {found[f"{pair}_moderate"] for pair in pairs} == {moderate}
    assert {found[f"{pair}_below_seeds"] for pair in pairs} == {below}
    assert len(found) == 6


def test_defences_without_two_at_models_are_held_against_the_bound_alone():
    found = verdicts(judged("defences", [DEFENCES[0], *DEFENCES[2:]], of_defences(0.7)))
    assert found == dict.fromkeys(["at_trades_moderate", "at_mart_moderate", "trades_mart_moderate"], "holds")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"robust_accuracy": 0.43}, "robust accuracies at l2 eps 1 lie 7.0 points apart, more than 5"),
        ({"attack_eps": 0.5}, "the models' training balls differ"),
        ({"robust_accuracy": math.nan}, "more than 5"),
    ],
)
def test_defences_that_are_not_as_robust_as_each_other_are_flagged(settings, said):
    models = [DEFENCES[0], DEFENCES[1], DEFENCES[2], {**DEFENCES[3], **settings}]
    table = judged("defences", models, of_defences(0.7)).set_index("part")
    assert table.loc["at_trades_moderate", "verdict"] == "holds"
    for part in ("at_mart_moderate", "trades_mart_moderate", "at_mart_below_seeds"):
        assert table.loc[part, "verdict"] == "undecided"
        assert said in table.loc[part, "flag"]


def test_defences_five_points_apart_are_as_robust_as_each_other():
    models = [*DEFENCES[:3], {**DEFENCES[3], "robust_accuracy": 0.45}]
    assert set(judged("defences", models, of_defences(0.7))["flag"]) == {""}


NUMBERS = (5000, 10000, 20000, None)
GROWING = [model("at", n_train=n_train) for n_train in NUMBERS]


def rising(*values):
    """STIR by the smaller size of a pair."""
    places = {n_train: place for place, n_train in enumerate(NUMBERS)}
    return lambda r, t, layer, s: (*values, 0.5)[min(places[r["n_train"]], places[t["n_train"]])]


@pytest.mark.parametrize(
    ("values", "rises", "diminishes"),
    [
        ((0.4, 0.6, 0.7), "holds", "holds"),
        ((0.4, 0.5, 0.7), "holds", "fails"),
        ((0.6, 0.5, 0.7), "fails", "fails"),
        ((0.4, 0.6, 0.6), "undecided", "holds"),
        ((0.4, 0.5, 0.6), "holds", "undecided"),
    ],
)
def test_more_data(values, rises, diminishes):
    found = verdicts(judged("more_data", GROWING, rising(*values)))
    series = ("next_given_size", "size_given_next", "full_given_size", "size_given_full")
    assert {found[f"{name}_rises_at"] for name in series} == {rises}
    assert {found[f"{name}_diminishes_at"] for name in series} == {diminishes}
    assert len(found) == 8


def test_more_data_reads_each_direction_apart():
    order = {n_train: place for place, n_train in enumerate(NUMBERS)}

    def stir(reference, target, layer, seed):
        larger_reference = order[reference["n_train"]] > order[target["n_train"]]
        return rising(*((0.7, 0.6, 0.4) if larger_reference else (0.4, 0.6, 0.7)))(reference, target, layer, seed)

    found = verdicts(judged("more_data", GROWING, stir))
    assert (found["next_given_size_rises_at"], found["full_given_size_rises_at"]) == ("holds", "holds")
    assert (found["size_given_next_rises_at"], found["size_given_full_rises_at"]) == ("fails", "fails")


def test_more_data_against_the_full_set_is_not_that_against_the_next():
    def stir(reference, target, layer, seed):
        full = None in (reference["n_train"], target["n_train"])
        return rising(*((0.3, 0.5, 0.6) if full else (0.6, 0.5, 0.6)))(reference, target, layer, seed)

    found = verdicts(judged("more_data", GROWING, stir))
    assert (found["next_given_size_rises_at"], found["full_given_size_rises_at"]) == ("fails", "holds")


def test_more_data_is_judged_for_each_objective():
    models = GROWING + [model("vanilla", n_train=n_train) for n_train in NUMBERS]
    assert len(judged("more_data", models, rising(0.4, 0.6, 0.7))) == 16


@pytest.mark.parametrize(
    ("name", "models", "said"),
    [
        ("random_init", SEEDS[:2], "two at models that differ in their training seed"),
        ("losses_architectures", MATRIX[:2] + MATRIX[4:6], "a residual and a VGG network"),
        ("training_datasets", SEEDS, "two models of different training datasets"),
        ("random_init_layers", SEEDS[2:], "two vanilla models"),
        ("defences", SEEDS, "models of two of the defences"),
        ("more_data", GROWING[:3], "at least 4 sizes n_train of at models; got [5000, 10000, 20000]"),
    ],
)
def test_experiments_that_lack_a_statements_models_are_refused(name, models, said):
    with pytest.raises(InvalidInputError) as error:
        judged(name, models, lambda *_: 0.5)
    assert f"Statement {name!r}: " in str(error.value)
    assert said in str(error.value)


def test_training_datasets_need_two_layers():
    with pytest.raises(InvalidInputError, match="and two layers"):
        judged("training_datasets", DATASETS, lambda *_: 0.5)


def test_the_last_layer_counts_where_one_is_meant():
    found = judged("random_init", SEEDS, at_layers(-0.3, -0.3, 0.3), layers=LAYERS)
    assert set(found["layer"]) == {"penultimate"}
    assert verdicts(found)["at_over_vanilla"] == "holds"


def test_unknown_statements_give_near_matches():
    with pytest.raises(InvalidInputError, match="Did you mean 'random_init'"):
        judge(["random_int"], pd.DataFrame(), pd.DataFrame())


def test_the_light_names_are_those_of_the_registry():
    assert tuple(STATEMENTS) == NAMES


def test_a_table_of_verdicts_has_its_columns_in_order():
    table = judged("random_init", SEEDS, by_objective(vanilla=0.6, at=0.9))
    assert list(table.columns) == VERDICT_COLUMNS
    assert set(table["statement"]) == {"random_init"}
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
