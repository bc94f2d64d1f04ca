"""Flags are documented words that say why a score cannot be trusted, with the models concerned."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from stir.flags import (
    MEANINGS,
    OF_MODELS,
    combined,
    flag_words,
    is_flagged,
    model_flag,
    of_inversions,
    of_models,
    of_scores,
    read_flags,
)
from tests.tables_of_scores import flagged, model, score_rows

WARNINGS = (Path(__file__).resolve().parents[2] / "docs" / "warnings.md").read_text(encoding="utf-8")
MODELS = [model(objective, seed) for objective in ("vanilla", "at") for seed in (0, 1)]
FIRST = MODELS[0]["model"]


def table(**columns):
    return flagged(score_rows(MODELS, lambda *_: 0.5), MODELS, **columns)


@pytest.mark.parametrize("word", [*MEANINGS, *OF_MODELS])
def test_every_flag_has_a_section_that_explains_it(word):
    word = re.sub("^(reference|target)_", "", word)
    assert any(f"`{word}`" in line for line in WARNINGS.splitlines() if line.startswith("## "))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, ""),
        ({"correlation_median": 0.980, "null_correlation_p99": 0.996}, "no_better_than_null"),
        ({"correlation_median": 1.0, "null_correlation_p99": 1.0}, "no_better_than_null"),
        ({"correlation_median": math.nan}, "match_unknown"),
        ({"converged_fraction": 0.99}, "not_all_converged"),
        ({"converged_fraction": 0.79}, "few_converged"),
        ({"converged_fraction": 0.0}, "few_converged"),
        ({"converged_fraction": math.nan}, "few_converged"),
        ({"seed_error_median": 0.1}, "alike_before_inversion"),
        ({"seed_error_median": 0.0, "null_correlation_p99": 1.0}, "alike_before_inversion; no_better_than_null"),
        ({"pairwise_inversion_error_median": 0.9}, "no_nearer_than_another_image"),
        ({"pairwise_inversion_error_median": math.inf}, "no_nearer_than_another_image"),
        ({"stir": math.nan}, "no_number"),
        ({"similarity": math.nan, "converged_fraction": 0.5}, "no_number; few_converged"),
    ],
)
def test_rows_of_that_reference_are_flagged_and_no_others(columns, expected):
    rows = table(**columns)
    first = rows["reference_model"] == FIRST
    assert set(rows.loc[first, "flags"]) == {expected}
    assert set(rows.loc[~first, "flags"]) == {""}


def test_pictures_and_tables_flag_inversions_alike():
    rows = table(correlation_median=0.5, converged_fraction=0.5)
    assert of_inversions(rows).equals(rows["flags"])


def said(objective="at", classes=10, **found):
    evaluation = {"clean_accuracy": 0.8, "robust_accuracy": 0.4, "n_images": 1000} | found
    return flag_words(model_flag(evaluation, classes=classes, objective=objective))


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, set()),
        ({"clean_accuracy": 0.1, "robust_accuracy": 0.0}, {"at_chance", "no_robust_accuracy"}),
        ({"clean_accuracy": 0.12, "robust_accuracy": 0.11}, {"at_chance"}),
        ({"clean_accuracy": 0.13, "robust_accuracy": 0.11}, set()),
        ({"clean_accuracy": 0.16, "robust_accuracy": 0.11, "n_images": 50}, {"at_chance"}),
        ({"robust_accuracy": 0.0}, {"no_robust_accuracy"}),
        ({"robust_accuracy": 0.1}, {"no_robust_accuracy"}),
        ({"robust_accuracy": 0.05, "flag": "not robust: 5%, and guessing gives 10%"}, {"not_robust"}),
        ({"flag": "catastrophic overfitting: it was 60%"}, {"catastrophic_overfitting"}),
        ({"clean_accuracy": math.nan}, {"at_chance"}),
        ({"classes": None, "clean_accuracy": 0.0}, set()),
    ],
)
def test_a_model_at_chance_or_without_robust_accuracy_is_flagged_whatever_the_norm(norm, found, expected):
    assert said(attack_norm=norm, **found) == expected


@pytest.mark.parametrize(
    ("objective", "flags", "expected"),
    [
        ("at", ["no robust accuracy: 0%", "no robust accuracy: 0%"], {"no_robust_accuracy"}),
        ("at", ["", "no robust accuracy: 0%"], set()),
        ("vanilla", ["no robust accuracy: 0%"], set()),
        ("vanilla", ["at chance: 10%; no robust accuracy: 0%"], {"at_chance"}),
        (None, ["no robust accuracy: 0%"], {"no_robust_accuracy"}),
        ("at", [math.nan, "catastrophic overfitting: it was 60%"], {"catastrophic_overfitting"}),
        ("at", ["low for its recipe"], {"flagged"}),
    ],
)
def test_scores_of_a_model_are_flagged_for_what_holds_whatever_the_attack(objective, flags, expected):
    models = [{**each, "objective": objective} if each["model"] == FIRST else each for each in MODELS]
    models = pd.DataFrame([{**models[0], "flag": flag} for flag in flags] + models[1:])
    assert flag_words(of_models(models)[FIRST]) == expected
    rows = score_rows(MODELS, lambda *_: 0.5).assign(converged_fraction=1.0)
    found = of_scores(rows, models)
    of_first = {side: rows[f"{side}_model"] == FIRST for side in ("reference", "target")}
    assert set(found[~of_first["reference"] & ~of_first["target"]]) == {""}
    for side, other in (("reference", "target"), ("target", "reference")):
        assert set(found[of_first[side] & ~of_first[other]]) == {"; ".join(f"{side}_{word}" for word in expected)}


def test_what_is_combined_is_in_one_order_and_loses_nothing():
    rows = table().iloc[:3].assign(flags=["target_at_chance", "no_better_than_null; target_at_chance", math.nan])
    rows["target_model"] = ["a", "b", "c"]
    assert combined(rows) == f"no_better_than_null ({FIRST}); target_at_chance (a, b)"
    assert combined(rows.assign(flags="")) == ""


def test_inversions_say_nothing_against_plain_similarity():
    rows = table(correlation_median=0.5)
    assert is_flagged(rows, "stir").sum() == 12
    assert not is_flagged(rows, "similarity").any()
    assert is_flagged(rows.assign(flags="target_at_chance"), "similarity").all()


def test_a_table_that_was_written_before_there_were_flags_flags_only_what_is_no_number():
    rows = table().drop(columns="flags")
    rows.loc[rows.index[0], "stir"] = math.nan
    assert list(read_flags(rows).iloc[:2]) == ["no_number", ""]


def test_a_low_ceiling_and_a_score_that_is_not_above_its_null_are_flagged_and_plain_similarity_is_not():
    low = table(stir_ceiling=0.98)
    assert combined(low) == f"low_ceiling ({FIRST})"
    chance = table(stir_null_p_holm=0.06)
    assert (
        combined(chance[chance["target_model"] == MODELS[1]["model"]]) == f"not_above_null ({MODELS[1]['model']} given {FIRST})"
    )
    for rows in (low, chance):
        assert is_flagged(rows, "stir").any()
        assert not is_flagged(rows, "similarity").any()


def test_tables_without_controls_have_none_of_their_flags():
    assert (table().drop(columns=["stir_ceiling", "stir_null_p_holm"]).pipe(of_inversions) == "").all()


def test_perturbed_images_of_ones_own_have_no_flags_of_inversions():
    given = dict.fromkeys(("converged_fraction", "correlation_median", "similarity"), math.nan)
    rows = table(inversion_method="given", **given)
    assert (rows.loc[rows["inversion_method"] == "given", "flags"] == "").all()
    assert (table(**given).loc[0, "flags"]) == "no_number; match_unknown; few_converged"
