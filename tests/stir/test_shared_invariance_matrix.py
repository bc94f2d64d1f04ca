"""Scores of many models in one call are those of every pair, and are kept in the layout of the workflow's files."""

import copy
import sys
from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import stir
from stir.errors import ConvergenceWarning, InvalidInputError, LayerError
from stir.layers import LayerSpec
from stir.score_files import Scores
from stir.tables import SCORE_COLUMNS
from stir_workflow.store.hdf5 import write_arrays
from stir_workflow.store.identity import Recipe

MEASURES = ["linear_cka", "mutual_knn"]
HOW = {"max_iterations": 4, "random_seed": 3}


def network(width, random_seed):
    torch.manual_seed(random_seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


NETWORKS = {"narrow": network(12, 0), "wide": network(30, 1), "last": network(20, 2)}


@pytest.fixture(scope="module")
def images(digits):
    return digits[0][:24]


@pytest.fixture(scope="module")
def matrix(images):
    with pytest.warns(ConvergenceWarning):
        return stir.shared_invariance_matrix(
            NETWORKS, images, similarity_measure=MEASURES, layer=[None, "2"], images_dataset="digits", **HOW
        )


@pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")
@pytest.mark.parametrize("layer", [None, "2"])
@pytest.mark.parametrize("measure", MEASURES)
def test_scores_are_those_of_each_pair_bit_for_bit(matrix, images, layer, measure):
    table = matrix.to_frame().set_index(["reference_layer", "similarity_measure", "reference_model", "target_model"])
    for reference, target in [("narrow", "wide"), ("wide", "narrow"), ("last", "last")]:
        models = {"reference_model": NETWORKS[reference], "target_model": NETWORKS[target]}
        alone = stir.shared_invariance(**models, images=images, layer=layer, similarity_measure=measure, **HOW)
        row = table.loc[layer or "penultimate", measure, reference, target]
        expected = {"stir": alone.score, "similarity": alone.similarity, **alone.controls.columns()}
        expected["target_same_class_fraction"] = alone.target_same_class_fraction
        np.testing.assert_array_equal(row[list(expected)].to_numpy(float), list(expected.values()))
        assert matrix.inversions[reference, layer or "penultimate"] == alone.inversion
        number = matrix.pairs.query("reference_checkpoint == @reference and target_checkpoint == @target").index
        place = number[["penultimate", "2"].index(layer or "penultimate")]
        np.testing.assert_array_equal(matrix.per_image[place], alone.per_image.numpy())


def test_each_model_is_inverted_once(images, monkeypatch):
    inverted = []
    invert = stir.invert

    def counting(model, *arguments, **settings):
        inverted.append(model)
        return invert(model, *arguments, **settings)

    monkeypatch.setattr(sys.modules["stir.shared_invariance_matrix"], "invert", counting)
    with pytest.warns(ConvergenceWarning) as warned:
        found = stir.shared_invariance_matrix(list(NETWORKS.values()), images, **HOW)
    assert inverted == list(NETWORKS.values())
    assert dict.fromkeys(str(warning.message)[:9] for warning in warned) == dict.fromkeys(["Model m1:", "Model m2:", "Model m3:"])
    assert {warning.filename for warning in warned} == {__file__}
    assert found.models == ["m1", "m2", "m3"]


def test_a_layer_of_each_model_may_have_its_own_name(images):
    models = {"narrow": NETWORKS["narrow"], "deeper": nn.Sequential(NETWORKS["wide"], nn.Identity())}
    layers = {"narrow": "2", "deeper": LayerSpec("0.2", pooling="flatten")}
    with pytest.warns(ConvergenceWarning):
        table = stir.shared_invariance_matrix(models, images, layer=layers, **HOW).to_frame()
    assert list(zip(table["reference_layer"], table["target_layer"], strict=True)) == [
        (layers["narrow"], "2"),
        ("2", "0.2"),
        ("0.2", "2"),
        ("0.2", "0.2"),
    ]


def test_the_table_has_the_columns_of_the_workflows_tables(matrix):
    table = matrix.to_frame()
    assert [column for column in table if column in SCORE_COLUMNS] == SCORE_COLUMNS
    assert len(table) == 3 * 3 * 2 * 2
    assert set(table["images_dataset"]) == {"digits"}
    assert table["flags"].str.contains("few_converged").all()
    wide = matrix.matrix("similarity", similarity_measure="mutual_knn", layer=1)
    assert list(wide.index) == list(wide.columns) == list(NETWORKS)
    assert wide.loc["narrow", "wide"] == wide.loc["wide", "narrow"] < wide.loc["wide", "wide"] == 1
    for wrong in ({"column": "STIR"}, {"similarity_measure": "cka"}, {"layer": 2}):
        with pytest.raises(InvalidInputError, match="Unknown"):
            matrix.matrix(**wrong)


def test_it_prints_the_matrix_and_shows_it_in_a_notebook(matrix):
    text = repr(matrix)
    assert len(text.splitlines()) == 8
    assert f"{matrix.matrix().loc['narrow', 'wide']:.3f}" in text.splitlines()[-3]
    assert "data:image/png;base64,iVBOR" in matrix._repr_html_()


def test_a_saved_matrix_is_equal_to_what_is_loaded(matrix, tmp_path):
    assert stir.load(matrix.save(tmp_path / "matrix.h5")) == matrix == copy.deepcopy(matrix)
    other = matrix.per_image.copy()
    other[2, 3] += 1e-9
    assert replace(matrix, per_image=other) != matrix
    assert replace(matrix, rows=matrix.rows.assign(stir=0.5)) != matrix
    assert replace(matrix, inversions={}) != matrix


def test_scores_of_the_workflow_load(matrix, tmp_path):
    path, recipe = tmp_path / "score.h5", Recipe("score", 9, {"random_seeds": [3]}, {})
    scores = Scores(matrix.rows, matrix.without_each, matrix.pairs, matrix.per_image)
    write_arrays(path, scores.arrays(), recipe, device="cpu", attributes=scores.attributes())
    assert stir.load(path) == replace(matrix, inversions={}, images_dataset="")


def without_column(file):
    file.attrs["columns_of_rows"] = file.attrs["columns_of_rows"].replace('"stir_noise", ', "")


def text_in_a_column(file):
    del file["rows/stir"]
    file["rows/stir"] = np.array([b"high"] * 36)


def rows_missing(file):
    short = file["rows/stir"][:-1]
    del file["rows/stir"]
    file["rows/stir"] = short


def images_missing(file):
    short = file["per_image"][:-1]
    del file["per_image"]
    file["per_image"] = short


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (without_column, "stir_noise; they are of another version"),
        (text_in_a_column, "expected numbers in column stir"),
        (rows_missing, "columns of rows differ in length"),
        (images_missing, "expected without_each and per_image of each row"),
        (lambda file: file.attrs.__setitem__("columns_of_rows", "[" * 9999), "the scores cannot be read"),
        (lambda file: file.attrs.__setitem__("columns_of_rows", '{"a": 1}'), "expected a list of columns"),
        (lambda file: file["iris/1"].__delitem__("converged"), r"Cannot read .* as Inversion"),
    ],
)
def test_damaged_files_are_refused_by_name(matrix, tmp_path, harm, message):
    path = matrix.save(tmp_path / "matrix.h5")
    with h5py.File(path, "r+") as file:
        harm(file)
    with pytest.raises(InvalidInputError, match=message) as refused:
        stir.load(path)
    assert "matrix.h5" in str(refused.value)
    assert "Save it again" in str(refused.value) or "save the result again" in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, "texts as names"),
        ({"models": {1: NETWORKS["wide"]}}, "texts as names"),
        ({"models": NETWORKS["wide"]}, "a mapping or a list; got Sequential"),
        ({"models": {"a": "resnet18"}}, r"models\['a'\]"),
        ({"similarity_measure": "cka"}, "linear_cka"),
        ({"similarity_measure": []}, "got none"),
        ({"layer": {"narrow": "2"}}, "layers of the models narrow, wide, last"),
        ({"layer": {"narrow": ["2", "3"], "wide": "2", "last": "2"}}, "as many layers of every model"),
        ({"layer": []}, "at least one"),
        ({"layer": ["2", "2"]}, "got one of 'narrow' twice"),
    ],
)
def test_bad_arguments_are_refused(images, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        stir.shared_invariance_matrix(**{"models": NETWORKS, "images": images} | arguments)


def test_a_missing_layer_names_its_model_before_any_is_inverted(images, monkeypatch):
    monkeypatch.setattr(sys.modules["stir.shared_invariance_matrix"], "invert", None)
    models = NETWORKS | {"other": nn.Sequential(nn.Flatten(), nn.Linear(64, 10))}
    with pytest.raises(LayerError, match=r"Model other: .*'2'"):
        stir.shared_invariance_matrix(models, images, layer=[None, "2"])


def test_a_table_without_a_name_of_its_images_is_written_and_read(matrix, tmp_path):
    unnamed = replace(matrix, images_dataset="").to_frame()
    unnamed.to_csv(tmp_path / "scores.csv", index=False)
    assert pd.read_csv(tmp_path / "scores.csv")["images_dataset"].isna().all()
