"""Tables have the expected order and hand-computed numbers."""

import math

import numpy as np
import pandas as pd
import pytest

from stir.differences import DIFFERENCE_COLUMNS
from stir.errors import InvalidInputError
from stir.p_values import holm
from stir.summaries import METRICS, metrics, summary_and_differences, summary_table
from stir.table_layers import features_text, layer_name, layer_positions, layer_texts
from stir.tables import (
    MODEL_COLUMNS,
    ROW_KEYS,
    SCORE_COLUMNS,
    check_rows,
    csv_text,
    described,
    model_table,
    read_table,
    score_table,
)

MODELS = [
    {"name": "zebra-0", "group": "zebra", "checkpoint": "c0", "architecture": "resnet8", "objective": "at", "training_seed": 0},
    {"name": "zebra-1", "group": "zebra", "checkpoint": "c1", "architecture": "resnet8", "objective": "at", "training_seed": 1},
    {"name": "ape", "group": "ape", "checkpoint": "c2", "architecture": "vgg6", "objective": None, "training_seed": None},
]
GROUPS = {model["name"]: model["group"] for model in MODELS}
NAMES = {model["checkpoint"]: model["name"] for model in MODELS}
STIR = {
    # (reference, target): STIR at inversion seeds 0 and 1
    ("c0", "c0"): (0.99, 0.97),
    ("c0", "c1"): (0.60, 0.70),
    ("c1", "c0"): (0.50, 0.40),
    ("c1", "c1"): (0.98, 0.96),
    ("c0", "c2"): (0.20, 0.30),
    ("c1", "c2"): (0.40, 0.40),
    ("c2", "c0"): (0.10, 0.30),
    ("c2", "c1"): (0.15, 0.15),
    ("c2", "c2"): (0.95, 0.93),
}
SIMILARITY = {("c0", "c2"): 0.8, ("c1", "c2"): 0.6}


def scores_of(reference):
    """Rows as the stage score writes them: keys instead of names, in a different order."""
    rows = []
    for (first, target), by_seed in reversed(STIR.items()):
        for random_seed, value in enumerate(by_seed):
            numbers = {
                "stir": value,
                "stir_converged": value - 0.05,
                "similarity": SIMILARITY.get((first, target), 0.5),
                "converged_fraction": 0.9 + random_seed / 100,
            }
            row = {
                "reference_checkpoint": first,
                "target_checkpoint": target,
                "reference_layer": "stage3",
                "target_layer": "stage3",
                "similarity_measure": "linear_cka",
                "inversion_method": "lbfgs",
                "seed_images": "normal_noise",
                "random_seed": random_seed,
            }
            rows.append(dict.fromkeys(SCORE_COLUMNS[10:-2], 1) | row | numbers)
    table = pd.DataFrame(rows)
    return table[table["reference_checkpoint"] == reference]


@pytest.fixture
def scores():
    return score_table([scores_of(reference) for reference in ("c2", "c0", "c1")], MODELS, ["cifar10"] * 3).reset_index(drop=True)


def of_pair(summary, reference, target):
    rows = summary[(summary["reference_group"] == reference) & (summary["target_group"] == target)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_scores_have_the_models_names_in_the_experiments_order(scores):
    assert list(scores.columns) == SCORE_COLUMNS
    pairs = list(dict.fromkeys(zip(scores["reference_model"], scores["target_model"], strict=True)))
    names = [model["name"] for model in MODELS]
    assert pairs == [(reference, target) for reference in names for target in names]


def test_a_precision_that_the_machine_chose_stands_in_the_table(scores):
    chosen = [scores_of(reference).assign(precision_used="bfloat16") for reference in ("c2", "c0", "c1")]
    table = score_table(chosen, MODELS, ["cifar10"] * 3)
    assert set(table["precision_used"]) == {"bfloat16"}
    assert list(table.drop(columns="precision_used").columns) == list(scores.columns)


def test_every_score_stays_with_its_pair(scores):
    assert len(scores) == 18
    for row in scores.to_dict("records"):
        (pair,) = [pair for pair in STIR if (NAMES[pair[0]], NAMES[pair[1]]) == (row["reference_model"], row["target_model"])]
        assert row["stir"] == STIR[pair][row["random_seed"]]


def test_summary_averages_pairs_of_different_models(scores):
    row = of_pair(summary_table(scores, GROUPS), "zebra", "zebra")
    # pairs (c0, c1) and (c1, c0), each averaged over inversion seeds: .65 and .45; the diagonal is left out
    assert row["stir_mean"] == pytest.approx((0.65 + 0.45) / 2)
    assert row["stir_converged_mean"] == pytest.approx((0.65 + 0.45) / 2 - 0.05)
    assert row["stir_sd_training_seeds"] == pytest.approx(0.2 / math.sqrt(2))
    # sd over inversion seeds: .1/sqrt(2) both
    assert row["stir_sd_inversion_seeds"] == pytest.approx(0.1 / math.sqrt(2))
    assert (row["n_model_pairs"], row["n_inversion_seeds"]) == (2, 2)
    assert row["similarity_mean"] == pytest.approx(0.5)


def test_summary_has_a_direction_and_root_mean_square_spread(scores):
    summary = summary_table(scores, GROUPS)
    there, back = of_pair(summary, "zebra", "ape"), of_pair(summary, "ape", "zebra")
    assert there["stir_mean"] == pytest.approx((0.25 + 0.40) / 2)
    assert back["stir_mean"] == pytest.approx((0.20 + 0.15) / 2)
    # variances over inversion seeds (.1²/2, 0) and (.2²/2, 0): root of their mean
    assert there["stir_sd_inversion_seeds"] == pytest.approx(math.sqrt((0.005 + 0) / 2))
    assert back["stir_sd_inversion_seeds"] == pytest.approx(math.sqrt((0.02 + 0) / 2))
    assert there["similarity_mean"] == pytest.approx(0.7)
    assert there["similarity_sd_training_seeds"] == pytest.approx(0.2 / math.sqrt(2))
    assert there["converged_fraction_min"] == pytest.approx(0.9)


def test_summary_leaves_out_groups_of_one_model_with_itself(scores):
    summary = summary_table(scores, GROUPS)
    pairs = list(zip(summary["reference_group"], summary["target_group"], strict=True))
    assert pairs == [("zebra", "zebra"), ("zebra", "ape"), ("ape", "zebra")]


def test_summary_keeps_layers_and_measures_apart(scores):
    other = scores.assign(similarity_measure="linear_cka_debiased", stir=0.0)
    deep = scores.assign(reference_layer="penultimate", target_layer="penultimate", stir=1.0)
    summary = summary_table(pd.concat([scores, other, deep]), GROUPS)
    assert len(summary) == 9
    first = of_pair(
        summary[summary["reference_layer"].eq("stage3") & summary["similarity_measure"].eq("linear_cka")], "zebra", "zebra"
    )
    assert first["stir_mean"] == pytest.approx(0.55)
    assert set(summary[summary["similarity_measure"] == "linear_cka_debiased"]["stir_mean"]) == {0.0}


def test_one_inversion_seed_has_no_spread(scores):
    row = of_pair(summary_table(scores[scores["random_seed"] == 0], GROUPS), "zebra", "zebra")
    assert math.isnan(row["stir_sd_inversion_seeds"])
    assert row["n_inversion_seeds"] == 1


def test_models_are_listed_in_the_experiments_order_with_their_own_accuracies():
    attack = {"attack_norm": "l2", "attack_eps": 1.0, "attack_steps": 20, "n_images": 400}
    evaluations = [
        {"checkpoint": f"c{number}", "clean_accuracy": 0.9 + number / 100, "robust_accuracy": number / 10} | attack
        for number in (2, 0, 1)
    ]
    table = model_table(evaluations, MODELS)
    assert list(table.columns) == MODEL_COLUMNS
    assert list(table["model"]) == ["zebra-0", "zebra-1", "ape"]
    assert list(table["clean_accuracy"]) == [0.9, 0.91, 0.92]
    assert list(table["robust_accuracy"]) == [0.0, 0.1, 0.2]
    assert table["objective"].isna().tolist() == [False, False, True]


def test_a_model_without_an_evaluation_is_an_error():
    with pytest.raises(InvalidInputError, match="got none for 'zebra-1'"):
        model_table([{"checkpoint": "c0", "clean_accuracy": 0.5, "robust_accuracy": 0.5, "n_images": 10}], MODELS)


ASKED = {"similarity_measures": ["linear_cka"], "random_seeds": [0, 1], "images_datasets": ["cifar10"]}
LAYERS = {name: ["stage3"] for name in NAMES.values()}


def test_models_that_nobody_evaluated_have_a_row_without_accuracies_and_metrics_leave_them_out(scores):
    table = model_table([], MODELS)
    assert list(table["model"]) == list(NAMES.values())
    assert table[["clean_accuracy", "robust_accuracy", "attack_norm"]].isna().all(axis=None)
    assert set(table["flag"]) == {""}
    assert metrics(summary_table(scores, GROUPS), table)["models"] == {name: {} for name in NAMES.values()}


def test_weights_sizes_and_code_are_columns_where_a_model_of_another_library_has_them():
    evaluations = [{"checkpoint": key, "clean_accuracy": 0.1, "robust_accuracy": 0.5, "n_images": 10_000} for key in NAMES]
    assert list(model_table(evaluations, MODELS).columns) == MODEL_COLUMNS
    other = MODELS[2] | {"input_size": "32 x 32", "code": "timm 1.0.31", "weights": None}
    table = model_table([*evaluations[:2], evaluations[2] | {"classes": 10}], [*MODELS[:2], other])
    assert list(table.columns) == [*MODEL_COLUMNS[:-1], "input_size", "code", "flag"]
    assert table.iloc[2][["input_size", "code"]].tolist() == ["32 x 32", "timm 1.0.31"]
    assert table.iloc[2]["flag"].startswith("at chance"), "chance is known from the number of outputs that were counted"


def test_a_table_has_a_row_for_everything_that_was_asked_for(scores):
    check_rows(scores, LAYERS, **ASKED)
    assert not scores.duplicated(ROW_KEYS).any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda rows: rows.drop(3),
            "18 rows .* got 17, of which 1 are missing: reference_model 'zebra-0', target",
        ),
        (lambda rows: pd.concat([rows, rows.tail(1)]), "got 19, of which 1 are there twice: reference_model 'ape'"),
        (lambda rows: pd.concat([rows, rows.tail(2).assign(random_seed=7)]), "of which 2 are not asked for: .*random_seed 7"),
        (lambda rows: rows.assign(similarity_measure="rsa"), "of which 18 are missing"),
    ],
    ids=["missing", "twice", "surplus", "other"],
)
def test_rows_that_are_not_those_that_were_asked_for_are_refused(scores, change, said):
    with pytest.raises(InvalidInputError, match=said):
        check_rows(change(scores), LAYERS, **ASKED)


def test_two_names_of_one_checkpoint_are_refused_and_not_counted_twice():
    models = [*MODELS, MODELS[2] | {"name": "bee"}]
    table = score_table([scores_of(reference) for reference in ("c0", "c1", "c2", "c2")], models, ["cifar10"] * 4)
    with pytest.raises(
        InvalidInputError, match=r"are there twice: reference_model 'ape'.*two models must not share one checkpoint"
    ):
        check_rows(table, LAYERS | {"bee": ["stage3"]}, **ASKED)


@pytest.mark.parametrize("no_number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("column", ["stir", "similarity", "stir_converged"])
def test_no_infinite_score_gets_into_a_table(column, no_number):
    rows = scores_of("c0")
    rows.loc[rows.index[0], column] = no_number
    table = score_table([rows], MODELS, ["cifar10"])
    assert table[column].isna().sum() == 1
    assert table[column].dropna().map(math.isfinite).all()


@pytest.mark.parametrize("name", ["NA", "null", "nan", "None", "n-a", "1e5"])
def test_models_whose_names_look_like_no_value_come_back_as_they_were(tmp_path, name):
    (tmp_path / "table.csv").write_text(csv_text(pd.DataFrame({"reference_model": [name], "stir": [math.nan], "flags": [""]})))
    row = read_table(tmp_path / "table.csv").iloc[0]
    assert row["reference_model"] == name
    assert math.isnan(row["stir"])


def test_a_summary_keeps_the_flags_of_all_its_rows_with_the_models_named(scores):
    flags = pd.Series("", index=scores.index)
    flags[(scores["reference_model"] == "zebra-1") & (scores["random_seed"] == 1)] = "no_better_than_null; target_at_chance"
    flags[scores["reference_model"] == "zebra-0"] = "not_all_converged"
    summary = summary_table(scores.assign(flags=flags), GROUPS)
    assert of_pair(summary, "ape", "zebra")["flags"] == ""
    assert of_pair(summary, "zebra", "ape")["flags"] == (
        "no_better_than_null (zebra-1); not_all_converged (zebra-0); target_at_chance (ape)"
    )


def evaluation(checkpoint, **settings):
    accuracies = {"clean_accuracy": 0.9, "robust_accuracy": 0.5}
    return {"checkpoint": checkpoint, "attack_norm": "l2", "attack_steps": 20, "n_images": 400} | accuracies | settings


def test_every_attack_on_a_model_has_a_row_the_training_ball_first():
    evaluations = [evaluation(f"c{number}", attack_eps=eps) for eps in (1.0, 2.0) for number in range(3)]
    table = model_table(evaluations, MODELS)
    assert list(zip(table["model"], table["attack_eps"], strict=True)) == [
        (name, eps) for name in ("zebra-0", "zebra-1", "ape") for eps in (1.0, 2.0)
    ]


def test_robust_models_carry_the_flag_of_their_evaluation_and_what_they_were_trained_on():
    models = [
        MODELS[0] | {"training_dataset": "cifar100", "n_train": 5000, "width": 16},
        MODELS[1] | {"objective": "vanilla"},
        MODELS[2],
    ]
    evaluations = [evaluation("c0", flag="catastrophic overfitting"), evaluation("c1", flag="low"), evaluation("c2")]
    table = model_table(evaluations, models)
    assert list(table["flag"]) == ["catastrophic overfitting", "", ""]
    assert table.loc[0, ["training_dataset", "n_train", "width"]].tolist() == ["cifar100", 5000, 16]
    assert table["n_train"].isna().tolist() == [False, True, True]


def test_scores_of_several_image_sets_stand_one_after_the_other():
    files = [(reference, label) for reference in ("c0", "c1", "c2") for label in ("cifar100", "cifar10")]
    table = score_table([scores_of(reference) for reference, _ in files], MODELS, [label for _, label in files])
    assert len(table) == 36
    assert list(table["images_dataset"]) == ["cifar100"] * 18 + ["cifar10"] * 18
    summary = summary_table(table, GROUPS)
    assert summary["images_dataset"].value_counts().to_dict() == {"cifar100": 3, "cifar10": 3}
    assert list(summary.columns[-2:]) == ["images_dataset", "flags"]
    nested = metrics(summary, pd.DataFrame({"model": [], "clean_accuracy": [], "robust_accuracy": []}))
    assert nested["scores"].keys() == {"cifar100", "cifar10"}
    assert nested["scores"]["cifar10"]["zebra"]["ape"]["stage3"]["linear_cka"]["stir_mean"] == pytest.approx(0.325)


def test_every_file_of_scores_has_a_dataset_of_images():
    with pytest.raises(InvalidInputError, match="a dataset for each of 1 files of scores; got 2"):
        score_table([scores_of("c0")], MODELS, ["cifar10", "cifar100"])


def test_a_models_first_attack_is_that_of_the_metrics(scores):
    models = pd.DataFrame({"model": ["ape", "ape"], "clean_accuracy": [0.9, 0.9], "robust_accuracy": [0.5, 0.1]})
    assert metrics(summary_table(scores, GROUPS), models)["models"] == {"ape": {"clean_accuracy": 0.9, "robust_accuracy": 0.5}}


def test_layers_are_numbered_for_each_reference_model():
    table = pd.DataFrame(
        {"reference_model": ["a", "a", "a", "b", "b"], "reference_layer": ["stage9", "stage9", "stage1", "block1", "block2"]}
    )
    assert list(layer_positions(table)) == [0, 0, 1, 0, 1]


def test_scores_are_described_by_both_models(scores):
    models = model_table([evaluation(f"c{number}", attack_eps=eps) for eps in (1.0, 2.0) for number in range(3)], MODELS)
    rows = described(scores, models)
    assert len(rows) == len(scores)
    one = rows[(rows["reference_model"] == "ape") & (rows["target_model"] == "zebra-1")].iloc[0]
    assert (one["reference_architecture"], one["target_architecture"]) == ("vgg6", "resnet8")
    assert (one["target_training_seed"], one["target_attack_eps"]) == (1, 1.0)
    with pytest.raises(InvalidInputError, match=r"got no row of \['ape'\]"):
        described(scores, models[models["model"] != "ape"])


def test_numbers_come_back_to_the_last_digit(tmp_path):
    numbers = [0.1 + 0.2, 1 / 3, math.pi, 5e-324, 1.7976931348623157e308, 0.30000000000000004, 2.5, 0.8843805655226795]
    (tmp_path / "table.csv").write_text(csv_text(pd.DataFrame({"stir": numbers})))
    assert read_table(tmp_path / "table.csv")["stir"].tolist() == numbers
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_metrics_nest_means_and_accuracies_by_what_they_are_of(scores):
    summary = summary_table(scores, GROUPS)
    models = pd.DataFrame({"model": ["ape"], "clean_accuracy": [0.9], "robust_accuracy": [0.5], "attack_norm": ["l2"]})
    found = metrics(summary, models)
    assert found["models"] == {"ape": {"clean_accuracy": 0.9, "robust_accuracy": 0.5}}
    assert {(first, second) for first, by_target in found["scores"].items() for second in by_target} == {
        ("zebra", "zebra"),
        ("zebra", "ape"),
        ("ape", "zebra"),
    }
    there = found["scores"]["zebra"]["ape"]["stage3"]["linear_cka"]
    assert there["stir_mean"] == pytest.approx((0.25 + 0.40) / 2)
    assert there["similarity_mean"] == pytest.approx(0.7)
    assert list(there) == METRICS


def test_a_score_that_is_no_number_is_not_averaged_away(scores):
    one = (scores["reference_model"] == "zebra-0") & (scores["target_model"] == "ape") & (scores["random_seed"] == 1)
    whole, summary = summary_table(scores, GROUPS), summary_table(scores.assign(stir=scores["stir"].mask(one)), GROUPS)
    there = of_pair(summary, "zebra", "ape")
    assert all(math.isnan(there[column]) for column in ("stir_mean", "stir_sd_training_seeds", "stir_sd_inversion_seeds"))
    assert there["similarity_mean"] == pytest.approx(0.7)
    others = ~summary["stir_mean"].isna()
    assert list(others) == [True, False, True]
    pd.testing.assert_frame_equal(summary[others], whole[others])


def test_metrics_leave_out_what_is_not_a_number(scores):
    summary = summary_table(scores.assign(stir=math.nan), GROUPS)
    found = metrics(summary, pd.DataFrame({"model": [], "clean_accuracy": [], "robust_accuracy": []}))
    assert found["scores"]["zebra"]["ape"]["stage3"]["linear_cka"].keys() & {"stir_mean", "stir_low", "similarity_mean"} == {
        "similarity_mean"
    }


def test_no_row_is_lost_whose_key_looks_like_a_number(tmp_path):
    keys = {"c0": "61145855e0", "c1": "0123456789", "c2": "fe1bc7cdb7"}
    models = [model | {"checkpoint": keys[model["checkpoint"]]} for model in MODELS]
    tables = []
    for reference in keys:
        rows = scores_of(reference).replace({"reference_checkpoint": keys, "target_checkpoint": keys})
        (tmp_path / f"{reference}.csv").write_text(csv_text(rows))
        tables.append(read_table(tmp_path / f"{reference}.csv"))
    assert len(score_table(tables, models, ["cifar10"] * 3)) == 18


def test_scores_of_a_model_that_is_not_named_are_refused():
    with pytest.raises(InvalidInputError, match=r"got also those of \{'c2'\}"):
        score_table([scores_of(reference) for reference in ("c0", "c1", "c2")], MODELS[:2], ["cifar10"] * 3)


def pooled(scores):
    """The same layer of every model again, averaged over its positions, and as a table that was written and read."""
    columns = {f"{side}_{what}": value for side in ("reference", "target") for what, value in (("select", None), ("features", 8))}
    tables = [scores.assign(**columns, reference_pooling=name, target_pooling=name) for name in ("flatten", "global_average")]
    return pd.concat(tables, ignore_index=True)


def test_one_layer_read_in_two_ways_is_two_layers(scores, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(csv_text(pooled(scores)), encoding="utf-8")
    for rows in (pooled(scores), read_table(path)):
        assert list(layer_texts(rows).unique()) == ["stage3", "stage3 (global_average)"]
        assert list(layer_positions(rows).unique()) == [0, 1]
        assert layer_name(rows) == "stage3|stage3 (global_average)"
        summary = summary_table(rows, GROUPS)
        assert len(summary) == 2 * len(summary_table(scores, GROUPS))
        by_layer = metrics(summary, pd.DataFrame(columns=["model", "clean_accuracy", "robust_accuracy"]))["scores"]["zebra"][
            "ape"
        ]
        assert set(by_layer) == {"stage3", "stage3 (global_average)"}


def test_features_are_said_where_they_are_known(scores):
    rows = pooled(scores)
    assert features_text(rows) == "d = 8"
    assert features_text(rows.assign(reference_features=[8, 1280] * (len(rows) // 2))) == "d = 8 to 1,280"
    assert features_text(scores) == ""


def test_rows_are_asked_for_by_layer_and_pooling(scores):
    asked = {"similarity_measures": ["linear_cka"], "random_seeds": [0, 1], "images_datasets": ["cifar10"]}
    check_rows(pooled(scores), {name: ["stage3", "stage3 (global_average)"] for name in GROUPS}, **asked)
    with pytest.raises(InvalidInputError, match=r"are not asked for: .*'stage3 \(global_average\)'"):
        check_rows(pooled(scores), {name: ["stage3"] for name in GROUPS}, **asked)


def test_p_values_are_corrected_over_all_rows_of_a_table_and_missing_ones_do_not_count():
    found = holm(pd.Series([0.01, 0.04, np.nan, 0.03, 0.005], index=[4, 3, 2, 1, 0]))
    assert found.tolist() == pytest.approx([0.03, 0.06, math.nan, 0.06, 0.02], nan_ok=True)
    assert holm(pd.Series([0.7, 0.8])).tolist() == [1.0, 1.0]
    rows = [scores_of(reference).assign(stir_null_p_value=0.001) for reference in ("c2", "c0", "c1")]
    assert score_table(rows, MODELS, ["cifar10"] * 3)["stir_null_p_holm"].tolist() == pytest.approx([0.018] * 18)


def test_the_index_of_a_table_says_which_row_of_the_files_each_is():
    files = [scores_of(reference) for reference in ("c2", "c0", "c1")]
    table = score_table(files, MODELS, ["cifar10"] * 3)
    assert pd.concat(files, ignore_index=True)["stir"][table.index].tolist() == table["stir"].tolist()


def without_each(scores, *, n_images=40):
    """STIR without each image, where image i moves every score by the same."""
    return scores["stir"].to_numpy()[:, None] + np.linspace(-1, 1, n_images) / 1000


def test_a_summary_keeps_errors_over_images_inversions_and_trainings_apart_and_says_what_its_interval_is_over(scores):
    summary, _ = summary_and_differences(scores, GROUPS, without_each(scores))
    row = of_pair(summary, "zebra", "ape")
    assert row["stir_se_images"] == pytest.approx(math.sqrt(39 * np.var(np.linspace(-1, 1, 40) / 1000)))
    # means of the inversion seeds: .30 and .35
    assert row["stir_se_inversion_seeds"] == pytest.approx(0.05 / 2)
    assert math.isnan(row["stir_se_training_seeds"]), "there is one ape"
    assert row["interval_over"] == "inversion seeds and images"
    assert row["stir_low"] < row["stir_mean"] < row["stir_high"]
    assert of_pair(summary_table(scores, GROUPS), "zebra", "ape")["interval_over"] == "inversion seeds"
    one = scores["random_seed"] == 0
    alone = of_pair(summary_table(scores[one].reset_index(drop=True), GROUPS), "zebra", "ape")
    assert (alone["interval_over"], math.isnan(alone["stir_low"])) == ("none", True)


def test_an_interval_is_over_trainings_if_each_kind_of_model_is_there_twice(scores):
    groups = dict.fromkeys(GROUPS, "animal")
    row = of_pair(summary_table(scores, groups), "animal", "animal")
    assert row["interval_over"] == "trainings"
    means = {frozenset(pair): np.mean([*STIR[pair], *STIR[pair[::-1]]]) for pair in STIR if pair[0] < pair[1]}
    assert row["stir_se_training_seeds"] == pytest.approx(math.sqrt(2 * np.var(list(means.values()))))


def test_differences_of_cells_are_paired(scores):
    _, found = summary_and_differences(scores, GROUPS, without_each(scores))
    assert list(found["comparison"]) == ["direction", "references"]
    direction = found.iloc[0]
    assert direction["stir_difference"] == pytest.approx(0.325 - 0.175)
    assert direction["stir_se_images"] == pytest.approx(0), "an image moves both cells alike"
    # by inversion seed: .30 - .125 and .35 - .225
    assert direction["stir_se_inversion_seeds"] == pytest.approx(0.05 / 2)
    assert direction["stir_difference_low"] < direction["stir_difference"] < direction["stir_difference_high"]
    assert list(found.columns) == DIFFERENCE_COLUMNS


def test_a_table_of_one_group_has_no_differences_and_the_same_columns(scores):
    _, found = summary_and_differences(scores, dict.fromkeys(GROUPS, "animal"), without_each(scores))
    assert (len(found), list(found.columns)) == (0, DIFFERENCE_COLUMNS)


def test_pairs_that_are_not_above_their_null_are_counted_and_means_of_controls_are_not_of_some(scores):
    rows = scores.assign(stir_null_p_holm=0.01, stir_noise=0.5, stir_ceiling=0.9)
    zebra_to_ape = (rows["reference_model"] == "zebra-0") & (rows["target_model"] == "ape")
    rows.loc[zebra_to_ape, "stir_null_p_holm"] = 0.5
    rows.loc[rows.index[zebra_to_ape][0], "stir_noise"] = math.nan
    row = of_pair(summary_table(rows, GROUPS), "zebra", "ape")
    assert (row["not_above_null"], row["stir_ceiling_mean"]) == (1, 0.9)
    assert math.isnan(row["stir_noise_mean"])
    assert of_pair(summary_table(rows, GROUPS), "ape", "zebra")["stir_noise_mean"] == 0.5


def test_a_reference_that_is_no_model_has_rows_with_its_own_random_seeds(scores):
    metamers = scores[(scores["reference_model"] == "ape") & (scores["random_seed"] == 0)].assign(reference_model="metamers")
    rows = pd.concat([scores, metamers], ignore_index=True)
    layers = LAYERS | {"metamers": ["stage3"]}
    check_rows(rows, layers, targets=list(LAYERS), own_random_seeds={"metamers": [0]}, **ASKED)
    with pytest.raises(InvalidInputError, match="missing"):
        check_rows(rows, layers, targets=list(LAYERS), **ASKED)
