"""The published numbers, by the same predicates."""

from pathlib import Path

import pandas as pd
import pytest

from stir.errors import InvalidInputError
from stir_workflow.statements import judge_published, overall

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "poster" / "published"


def judged(name, change=lambda table: table):
    return judge_published(name, change(pd.read_csv(PUBLISHED / f"{name}.csv"))).set_index("part")


def test_random_init_as_published_holds():
    found = judged("random_init")
    assert overall(found.reset_index()) == "holds"
    row = found.loc["at_over_vanilla"]
    assert row["value"] == pytest.approx((0.934 + 0.939) / 2 - (0.605 + 0.562) / 2)
    # Independent standard errors of four numbers, each counted by a half.
    error = (0.013**2 + 0.023**2 + 0.003**2 + 0.002**2) ** 0.5 / 2
    assert row["high"] - row["value"] == pytest.approx(1.96 * error, rel=1e-3)
    assert found.loc["stir_gap_over_cka_gap", "value"] == pytest.approx(row["value"] - 0.03)
    assert found.loc["cka_high_at", "value"] == 0.937


def test_losses_architectures_as_published_holds():
    found = judged("losses_architectures")
    assert overall(found.reset_index()) == "holds"
    # Four AT pairs .08 .14 .11 .14, four vanilla pairs .02 -.01 .09 -.01
    assert found.loc["residual_reference", "value"] == pytest.approx(0.07)
    assert found.loc["also_residual_reference_vanilla", "verdict"] == "undecided"
    assert set(found["unit"]) == {"architectures"}


def test_with_rows_and_columns_swapped_the_vgg_networks_would_be_the_better_reference():
    def swapped(table):
        return table.rename(columns={"reference_model": "target_model", "target_model": "reference_model"})

    found = judged("losses_architectures", swapped)
    assert found.loc["residual_reference", "verdict"] == "fails"
    assert found.loc["at_over_vanilla", "verdict"] == "holds"


def test_published_tables_are_judged_without_their_diagonal():
    def brightened(table):
        own = table["reference_model"] == table["target_model"]
        return table.assign(value=table["value"].where(~own | table["reference_model"].str.startswith("at"), 9.0))

    pd.testing.assert_frame_equal(judged("losses_architectures", brightened), judged("losses_architectures"))


def test_what_was_not_published_is_not_judged():
    with pytest.raises(InvalidInputError, match="Unknown published table 'defences'"):
        judge_published("defences", pd.DataFrame())
