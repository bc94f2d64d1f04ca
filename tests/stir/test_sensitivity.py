"""How far scores and ranks move: what is compared with what, and what the numbers are."""

import pandas as pd
import pytest

from stir.plotting.sensitivity import draw_sensitivity
from stir.sensitivity import MOVED, STUDY_COLUMNS, study_lines, study_table
from tests.tables_of_scores import model, score_rows

MODELS = [model(objective) for objective in ("vanilla", "at", "trades")]
LOOSER = {"setting": "tolerance", "value": "0.2"}
OWN = {"tolerance": "0.1"}


def table(stir, **columns):
    rows = score_rows(MODELS, stir, layers=("early", "late"), random_seeds=(0, 1))
    return rows.drop(columns="stir_excess").assign(flags="", **columns)


def graded(reference, target, layer, seed):
    """A score of its own for every pair, the same in each layer and for each random seed."""
    return 0.1 + 0.1 * MODELS.index(reference) + 0.3 * MODELS.index(target)


@pytest.fixture
def moved():
    """The study of a variant that turns the ranking of the second layer round, and adds 0.01 in the first for one seed."""

    def variant(reference, target, layer, seed):
        return graded(reference, target, layer, seed) + 0.02 * seed if layer == 0 else 1 - graded(reference, target, layer, seed)

    return study_table(table(graded), [(LOOSER, table(variant))], OWN)


def rows_of(study, layer):
    rows = study[study["layer"] == layer]
    return rows[rows["reference_model"] != rows["target_model"]]


def test_a_variant_like_the_experiment_moves_nothing():
    study = study_table(table(graded), [(LOOSER, table(graded))], OWN)
    assert list(study.columns) == STUDY_COLUMNS
    assert len(study) == 2 * 9
    assert (study["difference"] == 0).all()
    assert study[["spearman", "kendall"]].to_numpy() == pytest.approx(1)
    assert (study["own_value"] == "0.1").all()


def test_differences_are_means_over_inversion_seeds_with_the_spread_of_the_paired_differences(moved):
    early = rows_of(moved, "early")
    assert early["difference"].to_numpy() == pytest.approx(0.01)
    assert early["difference_sd_inversion_seeds"].to_numpy() == pytest.approx(0.02 / 2**0.5)
    assert early["largest_difference"].to_numpy() == pytest.approx(0.01)


def test_ranks_are_those_of_pairs_of_different_models_in_one_layer(moved):
    early, late = rows_of(moved, "early"), rows_of(moved, "late")
    assert (early["rank_of_variant"] == early["rank_of_experiment"]).all()
    assert sorted(late["rank_of_experiment"]) == [1, 2, 3, 4, 5, 6]
    assert (late["rank_of_variant"] + late["rank_of_experiment"] == 7).all()
    assert late[["spearman", "kendall"]].drop_duplicates().to_numpy() == pytest.approx(-1)
    assert set(late["largest_rank_move"]) == {5.0}
    assert moved[moved["reference_model"] == moved["target_model"]]["rank_of_variant"].isna().all()


def test_layers_are_compared_by_position_since_their_names_change_with_the_pooling():
    pooled = table(graded).assign(reference_pooling="global_average", target_pooling="global_average")
    study = study_table(table(graded), [({"setting": "pooling", "value": "global_average"}, pooled)], {"pooling": "flatten"})
    assert len(study) == 2 * 9
    assert list(study["layer"].unique()) == ["early", "late"]


def test_a_missing_score_is_no_difference_and_has_no_rank():
    variant = table(graded)
    variant.loc[variant["target_model"] == MODELS[0]["model"], "stir"] = float("nan")
    study = study_table(table(graded), [(LOOSER, variant)], OWN)
    of_missing = study[study["target_model"] == MODELS[0]["model"]]
    assert of_missing[["difference", "rank_of_variant"]].isna().all(axis=None)
    assert rows_of(study, "early")["rank_of_variant"].max() == 4


def test_two_pairs_have_no_rank_correlation_worth_the_name():
    two = score_rows(MODELS[:2], graded).assign(flags="")
    assert study_table(two, [(LOOSER, two)], OWN)["kendall"].isna().all()


def test_excess_moves_beside_stir_where_tables_have_it():
    own, variant = table(graded, stir_excess=0.5), table(graded, stir_excess=0.25)
    study = study_table(own, [(LOOSER, variant)], OWN).set_index("score")
    assert set(study.index) == set(MOVED)
    assert (study.loc["stir_excess", "difference"] == -0.25).all()


def test_flags_of_all_inversion_seeds_stand_beside_a_variant():
    variant = table(graded)
    variant.loc[variant["random_seed"] == 1, "flags"] = "few_converged"
    assert (study_table(table(graded), [(LOOSER, variant)], OWN)["flags"] == "few_converged").all()


def test_the_text_says_the_worst_of_all_layers(moved):
    header, line = study_lines(moved)
    assert header.split()[:2] == ["variant", "measure"]
    assert line.startswith("tolerance 0.1 -> 0.2  linear_cka")
    assert line.split()[-2:] == ["-1.000", "-1.000"]


def test_the_figure_has_a_panel_per_measure_and_a_column_per_variant(moved):
    twice = pd.concat([moved, moved.assign(similarity_measure="rbf_cka", value="0.3")], ignore_index=True)
    figure = draw_sensitivity(twice)
    assert [axes.get_title() for axes in figure.axes] == ["linear_cka", "rbf_cka"]
    assert [label.get_text() for label in figure.axes[-1].get_xticklabels()] == ["tolerance\n0.2", "tolerance\n0.3"]
