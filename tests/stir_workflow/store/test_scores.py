"""Files of scores give back what was written, and the same bytes for the same scores."""

import numpy as np
import pandas as pd
import pytest

from stir.errors import ArtifactError
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.identity import Recipe
from stir_workflow.store.scores import Scores, read_scores, write_scores
from tests.stir_workflow.sealed import flip_a_bit

RECIPE = Recipe("score", 1, {"a": 1})
SCORES = Scores(
    pd.DataFrame(
        {
            "target_checkpoint": ["61145855e0", "NA", "0123"],
            "reference_select": [None, None, None],
            "layer": ["größer", "", "a.b:1"],
            "stir": [0.1, np.nan, 1 / 3],
            "n": [1, 2, 3],
        }
    ),
    np.array([[0.1, 0.2], [np.nan, np.nan], [1.0, 0.0]]),
    pd.DataFrame({"target_checkpoint": ["0123"], "layer": ["a"], "random_seed": [2**53 - 1]}),
    np.array([[0.5, 1 / 7]]),
)


def written(folder, name="x"):
    with sealing(folder / f"{name}-{RECIPE.key}.h5", RECIPE) as path:
        write_scores(path, SCORES, RECIPE, device_kind="a kind")
    return folder / f"{name}-{RECIPE.key}.h5"


def test_scores_come_back_as_they_were_written_and_missing_texts_stay_missing(tmp_path):
    found = read_scores(written(tmp_path))
    expected = SCORES.rows.assign(layer=["größer", None, "a.b:1"])
    pd.testing.assert_frame_equal(found.rows, expected, check_dtype=False)
    pd.testing.assert_frame_equal(found.pairs, SCORES.pairs, check_dtype=False)
    np.testing.assert_array_equal(found.without_each, SCORES.without_each)
    np.testing.assert_array_equal(found.per_image, SCORES.per_image)


def test_the_same_scores_give_the_same_bytes(tmp_path):
    assert written(tmp_path).read_bytes() == written(tmp_path, "y").read_bytes()


def test_scores_that_were_altered_are_refused(tmp_path):
    path = written(tmp_path)
    flip_a_bit(path)
    with pytest.raises(ArtifactError, match="SHA-256 differs"):
        read_scores(path)
