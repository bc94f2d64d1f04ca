"""Sentences say what intervals decide, and nothing else."""

from dataclasses import replace

import pandas as pd
import pytest

from stir_workflow.report.content import HOLDS, NOTE, UNDECIDED, Cell, GroupCell, Model, Verdict
from stir_workflow.report.findings import findings_of, findings_of_verdicts, side

OWN = GroupCell(
    *("at", "at", "penultimate", "linear_cka", "digits", 0.6, 0.5, 0.7, "trainings and images"),
    similarity=0.9,
    stir_noise=0.2,
    n_model_pairs=2,
)
CELL = Cell("a", "b", "penultimate", "linear_cka", "digits", "penultimate", "penultimate", n_images=300, stir_null_p_holm=0.01)


def said(groups=(), cells=(CELL,), models=(), differences=None):
    return findings_of(groups, cells, models, differences, "mine")


@pytest.mark.parametrize(
    ("similarity", "state", "text"),
    [
        (0.9, HOLDS, "STIR is lower than"),
        (0.4, HOLDS, "STIR is higher than"),
        (0.65, UNDECIDED, "it is undecided whether STIR differs"),
    ],
)
def test_stir_within_a_group_differs_from_plain_similarity_only_where_its_interval_is_on_one_side(similarity, state, text):
    finding = said([replace(OWN, similarity=similarity)])[0]
    assert finding.state == state
    assert text in finding.text
    assert "0.600 (95% interval 0.500 to 0.700 over trainings and images; n = 2 ordered pairs of models)" in finding.text
    assert finding.source == "mine-summary.csv"


def test_without_an_interval_nothing_is_decided():
    findings = said([replace(OWN, stir_low=None, stir_high=None)])
    assert findings[0].state == UNDECIDED
    assert "(no interval; " in findings[0].text
    assert HOLDS not in {finding.state for finding in findings if finding.source == "mine-summary.csv"}


@pytest.mark.parametrize(
    ("low", "high", "found"), [(0.1, 0.3, "above"), (-0.3, -0.1, "below"), (-0.1, 0.1, "undecided"), (0, 1, "undecided")]
)
def test_an_interval_that_touches_a_value_does_not_decide(low, high, found):
    assert side(low, high, 0.0) == found
    assert side(None, high, 0.0) == side(low, high, None) == "undecided"


def test_of_many_groups_some_are_named_and_the_others_counted():
    groups = [replace(OWN, reference_group=f"g{n}", target_group=f"g{n}", stir=n / 20) for n in range(12)]
    texts = [finding.text for finding in said(groups)]
    assert sum("Between models of" in text for text in texts) == 4
    assert "8 further groups lie between these." in texts


def differences(kind, value, low, high):
    return pd.DataFrame(
        [
            {
                "comparison": kind,
                "first_reference_group": "vanilla",
                "first_target_group": "at" if kind == "direction" else "vanilla",
                "second_reference_group": "at",
                "second_target_group": "vanilla" if kind == "direction" else "at",
                "stir_difference": value,
                "stir_difference_low": low,
                "stir_difference_high": high,
                "interval_over": "images",
            }
        ]
    )


@pytest.mark.parametrize(
    ("row", "state", "text"),
    [
        (
            ("direction", -0.2, -0.3, -0.1),
            HOLDS,
            "STIR(vanilla | at) is higher than STIR(at | vanilla), by 0.200 (95% interval 0.100 to 0.300",
        ),
        (
            ("direction", 0.2, 0.1, 0.3),
            HOLDS,
            "STIR(at | vanilla) is higher than STIR(vanilla | at), by 0.200 (95% interval 0.100",
        ),
        (("direction", 0.2, -0.1, 0.5), UNDECIDED, "Whether STIR(at | vanilla) differs from STIR(vanilla | at) is undecided"),
        (("within groups", -0.2, -0.3, -0.1), HOLDS, "STIR within at is higher than STIR within vanilla, by 0.200"),
        (("within groups", -0.2, float("nan"), float("nan")), UNDECIDED, "the difference is 0.200 (no interval)"),
    ],
)
def test_differences_name_the_higher_side_first(row, state, text):
    (finding,) = [each for each in said(differences=differences(*row)) if each.source == "mine-differences.csv"]
    assert finding.state == state
    assert text in finding.text


def verdict(part):
    place = ("penultimate", "digits")
    return Verdict("random_init", part, "STIR is lower.", *place, 0.2, None, None, 0.0, 4, "trainings", "undecided", "one seed")


def test_verdicts_are_sentences_with_their_numbers_and_reasons():
    (finding,) = findings_of_verdicts([verdict("gap"), verdict("also_of_at")], "mine")
    assert finding.text == (
        "STIR is lower. Found: 0.200 (no interval; n = 4 trainings; compared with 0; layer penultimate, digits)."
        " Reason: one seed."
    )
    assert (finding.state, finding.source) == ("undecided", "mine-verdicts.csv")


def test_notes_say_what_limits_the_findings():
    other = replace(CELL, reference_model="c", converged_fraction=1.0, stir_null_p_holm=0.9)
    models = [Model("a", "a", flags=["at chance: clean accuracy is 10%"]), Model("b", "b")]
    *_, null, note = said(cells=[replace(CELL, n_images=12, converged_fraction=0.5), other], models=models)
    assert null.text.startswith("1 of 2 pairs of different models have a STIR above that of shuffled images")
    assert {null.state, note.state} == {NOTE}
    for sentence in (
        "12 images are too few for intervals over images (at least 20); use more images.",
        "Not all images converged for 1 of 2 reference models; fewest for a, 50.0%.",
        "1 of 2 models are flagged: a.",
        "No interval includes other trainings of these models: the findings are of these very networks.",
    ):
        assert sentence in note.text
    assert "few" not in said()[-1].text
    assert "50 images are few" in said(cells=[replace(CELL, n_images=50)])[-1].text


def test_an_experiment_with_one_model_has_no_differences():
    assert said(differences=pd.DataFrame()) == said()
