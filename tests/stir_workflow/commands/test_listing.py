"""`stir datasets` and `stir measures` list names with their properties, for people and for programs."""

import json

from stir.data import DATASETS
from stir.similarity import SIMILARITY_MEASURES


def test_datasets_are_listed_with_sizes_and_the_place_that_they_are_looked_for(stir):
    assert json.loads(stir("datasets", "--json").stdout).keys() == DATASETS.keys()
    header, digits = stir("datasets", "DIGITS").stdout.splitlines()
    assert header.split() == ["name", "images", "classes", "image", "shape", "path"]
    assert digits.split() == ["digits", "1797", "10", "1", "x", "8", "x", "8", "included"]


def test_measures_are_listed_with_what_they_take(stir):
    found = json.loads(stir("measures", "--json").stdout)
    assert found.keys() == SIMILARITY_MEASURES.keys()
    assert found["mean_cca"]["more_images_than_features"]
    assert "linear_cka_debiased" in stir("measures", "debiased").stdout


def test_a_text_that_no_name_contains_is_refused_with_near_names(refused):
    assert refused("datasets", "digitz") == "error: Unknown dataset 'digitz'. Did you mean 'digits'?\n"
    assert "Did you mean 'linear_cka'" in refused("measures", "linear_ckaa")
