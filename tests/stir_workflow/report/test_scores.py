"""Cells of a report are means of the table's rows."""

import pandas as pd
import pytest

from stir_workflow.report.scores import cells_of, labels_of, within_bounds
from tests.experiment_files import ROOT
from tests.stir_workflow.report.made_up import made_up

SCORES = pd.read_csv(ROOT / "docs" / "quickstart" / "quickstart.csv", keep_default_na=False, na_values=[""])


def test_a_cell_is_the_mean_over_inversion_seeds_and_keeps_the_worst_of_p_values_and_convergence():
    cells = cells_of(SCORES, labels_of(SCORES))
    cell = next(cell for cell in cells if cell.reference_model != cell.target_model)
    rows = SCORES[
        (SCORES["reference_model"] == cell.reference_model)
        & (SCORES["target_model"] == cell.target_model)
        & (SCORES["reference_layer"] == cell.layer)
        & (SCORES["similarity_measure"] == cell.similarity_measure)
    ]
    assert (len(rows), cell.n_inversion_seeds, cell.n_images) == (2, 2, 300)
    for field, column in {"stir": "stir", "stir_low": "stir_low", "inversion_error": "inversion_error_median"}.items():
        assert getattr(cell, field) == pytest.approx(rows[column].mean(), abs=5e-5)
    assert cell.stir_null_p_holm == rows["stir_null_p_holm"].max()
    assert cell.converged_fraction == pytest.approx(rows["converged_fraction"].min(), abs=5e-5)
    assert cell.flags == ["not_all_converged"]


def test_a_cell_without_one_of_its_numbers_has_none():
    spoilt = SCORES.copy()
    spoilt.loc[0, "stir"] = float("nan")
    before, after = (cells_of(table, labels_of(table)) for table in (SCORES, spoilt))
    assert [new.stir for new in after] == [None, *(old.stir for old in before[1:])]
    assert after[0].similarity == before[0].similarity


def test_layers_are_called_as_the_experiment_calls_them_or_as_the_models_do_and_no_two_alike():
    other = SCORES.replace({"reference_layer": {"stage3": "features.7"}})
    mixed = pd.concat([SCORES, other[other["reference_model"] == "digits-vgg6-at-1"].assign(reference_model="vgg")])
    assert labels_of(mixed) == ["stage3|features.7", "penultimate"]
    assert labels_of(mixed, ["late", "last"]) == ["late", "last"]
    assert labels_of(mixed, ["late", "late"]) == ["late (1)", "late (2)"]


def test_whole_matrices_are_left_out_where_there_are_too_many_cells_but_never_the_one_that_is_shown_first():
    report = made_up(4, n_layers=3)
    shown = (report.similarity_measure, report.layer)
    assert within_bounds(report.cells, *shown) == (report.cells, [])
    kept, left = within_bounds(report.cells, *shown, most=40)
    assert {(cell.similarity_measure, cell.layer) for cell in kept} == {shown, ("linear_cka", "stage2")}
    assert left == ["rsa_spearman at stage2 on cifar10", "linear_cka at stage3 on cifar10"] + [
        f"rsa_spearman at {layer} on cifar10" for layer in ("stage3", "penultimate")
    ]
    assert {cell.layer for cell in within_bounds(report.cells, *shown, most=1)[0]} == {report.layer}
