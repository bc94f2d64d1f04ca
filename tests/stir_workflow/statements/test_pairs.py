"""Statements are judged on pairs of different models alone, and on no row that cannot be trusted."""

import math

import pandas as pd
import pytest

from stir.errors import InvalidInputError
from stir_workflow.statements import judge
from stir_workflow.statements.pairs import pairs_of
from tests.tables_of_scores import flagged, model, score_rows, wobble

MODELS = [model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1)]


def stir(reference, target, layer, seed):
    return (0.9 if reference["objective"] == "at" else 0.6) + wobble(reference, target, seed, 0.02)


@pytest.fixture
def scores():
    return score_rows(MODELS, stir)


def judged(scores, models=MODELS):
    return judge(["random_init"], scores, pd.DataFrame(models)).set_index("part")


def test_models_with_themselves_are_left_out(scores):
    pairs = pairs_of(scores, pd.DataFrame(MODELS))
    assert len(pairs) == 4 * 3 * 3
    assert (pairs["reference_model"] != pairs["target_model"]).all()


def test_a_diagonal_that_says_otherwise_changes_nothing(scores):
    own = scores["reference_model"] == scores["target_model"]
    expected = judged(scores)
    assert expected.loc["at_over_vanilla", "verdict"] == "holds"
    scores.loc[own & scores["reference_model"].str.contains("vanilla"), "stir"] = 50.0
    pd.testing.assert_frame_equal(judged(scores), expected)


def test_too_few_converged_images_are_flagged_where_iris_matter(scores):
    scores.loc[scores["reference_model"] == "cifar10-resnet18-at-1", "converged_fraction"] = 0.62
    found = judged(scores)
    assert found.loc["at_over_vanilla", "flag"] == "cifar10-resnet18-at-1: 62% of the images converged, under 80%"
    assert found.loc["at_over_vanilla", "verdict"] == "undecided"
    assert math.isnan(found.loc["at_over_vanilla", "low"])
    assert found.loc["cka_high_at", "verdict"] == "holds", "plain CKA has no inversions"


def test_unknown_convergence_is_flagged(scores):
    scores.loc[0:5, "converged_fraction"] = math.nan
    assert "converged" in judged(scores).loc["at_over_vanilla", "flag"]


def test_one_score_that_is_no_number_leaves_no_number(scores):
    one = (scores["reference_model"] == "cifar10-resnet18-at-1") & (scores["target_model"] == "cifar10-resnet18-at-0")
    scores.loc[one & (scores["random_seed"] == 2), "stir"] = math.nan
    row = judged(scores).loc["at_over_vanilla"]
    assert math.isnan(row["value"])
    assert (row["verdict"], row["flag"]) == ("undecided", "a score is not a number")


def test_a_models_flag_is_that_of_the_parts_that_read_it(scores):
    models = [{**each, "flag": "catastrophic overfitting" if each["model"].endswith("at-0") else ""} for each in MODELS]
    found = judged(scores, models)
    assert found.loc["at_over_vanilla", "flag"] == "cifar10-resnet18-at-0: catastrophic overfitting"
    assert found.loc["cka_high_at", "verdict"] == "undecided"
    assert found.loc["cka_high_vanilla", "verdict"] == "holds"


def test_a_flag_that_was_read_back_empty_is_none(scores):
    models = [{**each, "flag": math.nan} for each in MODELS]
    assert judged(scores, models).loc["at_over_vanilla", "flag"] == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda scores: pd.concat([scores, scores.tail(4)]), "got several of one"),
        (lambda scores: scores.drop(scores.index[5]), "has fewer"),
        (lambda scores: scores.drop(columns="images_dataset"), "it lacks ['images_dataset']"),
        (lambda scores: scores.assign(similarity_measure="rbf_cka"), "got ['rbf_cka']"),
        (lambda scores: scores.replace("cifar10-resnet18-at-0", "stranger"), "no row of ['stranger']"),
    ],
    ids=["twice", "missing", "column", "measure", "model"],
)
def test_tables_that_cannot_be_judged_are_refused(scores, change, said):
    with pytest.raises(InvalidInputError) as error:
        judged(change(scores))
    assert said in str(error.value)


def test_layers_of_architectures_are_aligned_by_their_place():
    models = [model("at", architecture="resnet18", model="a"), model("at", architecture="vgg16", model="b")]
    scores = score_rows(models, lambda r, t, layer, s: 0.1 * layer, layers=("first", "last"))
    of_vgg = scores["reference_model"] == "b"
    scores.loc[of_vgg, "reference_layer"] = scores.loc[of_vgg, "reference_layer"].map({"first": "block1", "last": "block5"})
    pairs = pairs_of(scores, pd.DataFrame(models))
    assert pairs.groupby("layer")["stir"].first().tolist() == [0.0, 0.1]
    assert list(pairs["layer_name"].unique()) == ["first|block1", "last|block5"]


def test_verdicts_carry_the_flags_of_their_scores_with_the_models_named(scores):
    models = [{**each, "flag": "at chance: 10%" if each["model"].endswith("at-0") else ""} for each in MODELS]
    rows = flagged(scores, models, correlation_median=0.98, null_correlation_p99=0.996)
    found = judged(rows, models)
    first, at = MODELS[0]["model"], "cifar10-resnet18-at-0"
    of_both = f"no_better_than_null ({first}); reference_at_chance ({at}); target_at_chance ({at})"
    assert found.loc["at_over_vanilla", "flags"] == of_both
    assert found.loc["cka_high_vanilla", "flags"] == "", "plain CKA has no inversions"
    assert found.loc["at_over_vanilla", "verdict"] == "undecided", "a model at chance leaves it undecided"


def test_a_match_under_its_null_is_named_and_decides_nothing(scores):
    found = judged(flagged(scores, MODELS, correlation_median=0.98, null_correlation_p99=0.996))
    assert found.loc["at_over_vanilla", "verdict"] == "holds"
    assert found.loc["at_over_vanilla", "flags"] == f"no_better_than_null ({MODELS[0]['model']})"
    assert set(judged(scores)["flags"]) == {""}


def test_vanilla_models_without_robust_accuracy_leave_nothing_undecided(scores):
    flags = {"vanilla": "no robust accuracy: 0%, and guessing among 10 classes gives 10%", "at": ""}
    models = [{**each, "flag": flags[each["objective"]]} for each in MODELS]
    assert set(judged(scores, models)["flag"]) == {""}
