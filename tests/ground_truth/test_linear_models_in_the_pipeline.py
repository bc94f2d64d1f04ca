"""STIR of linear networks through the whole pipeline: a Python file's networks, commands ``stir make``, the published table.

Pixels are clamped to [0, 1] there. Images and seed images lie near grey, so that no bound is reached and the closed form holds.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch

from stir.data.fingerprints import fingerprint
from stir.similarity import SIMILARITY_MEASURES
from stir_workflow.stages.images import read_pixels
from stir_workflow.store.hdf5 import read_arrays
from tests.experiment_files import read_yaml, write_yaml
from tests.ground_truth.networks import matrix
from tests.ground_truth.pipeline import run, table_of
from tests.ground_truth.test_linear_models import closed_form_iris, tolerance

HERE = Path(__file__).parent
CONTENT = read_yaml(HERE / "linear.yaml")
MATRICES = {model["name"]: matrix(**model["arguments"]) for model in CONTENT["models"]}
N_IMAGES = CONTENT["images"]["n_images"]
WITHIN = ("rotated", "nested")
"""Models that read nothing but what ``eight`` reads."""


class Measured(NamedTuple):
    """What the pipeline made."""

    table: pd.DataFrame
    images: np.ndarray
    iris: dict[str, tuple[np.ndarray, np.ndarray]]
    """Reference model -> seed images and IRIs."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linear")
    shutil.copy(HERE / "networks.py", folder)
    images = 0.5 + 0.05 * np.random.default_rng(3).normal(size=(2 * N_IMAGES, 1, 4, 6))
    np.savez(folder / "grey.npz", images=images.astype(np.float32), labels=np.arange(2 * N_IMAGES) % 2)
    dataset = CONTENT["dataset"] | {"fingerprint": fingerprint(folder / "grey.npz")}
    experiment = folder / "linear.yaml"
    write_yaml(experiment, CONTENT | {"dataset": dataset, "similarity_measures": list(SIMILARITY_MEASURES)})
    plan = run(experiment)
    (of_dataset,) = plan.stage_paths("dataset")
    files = {reference.model.name: folder / reference.iris[0].path for reference in plan.references}
    iris = {name: tuple(map(_flat, read_arrays(file, "seed_images", "iri_images"))) for name, file in files.items()}
    return Measured(table_of(experiment, plan), _flat(read_pixels(folder / of_dataset, "test")[0]), iris)


def _flat(images):
    return images.reshape(len(images), -1).astype(np.float64)


def _closed_form(measured, reference):
    return closed_form_iris(MATRICES[reference], measured.images, measured.iris[reference][0])


@pytest.mark.parametrize("reference", MATRICES)
def test_iris_are_the_nearest_matches_to_the_seed_images_within_the_bounds(measured, reference):
    seed_images, iri_images = measured.iris[reference]
    assert all((seed[None] == measured.images).all(axis=1).any() for seed in seed_images)
    assert np.abs(iri_images - _closed_form(measured, reference)).max() < 1e-5
    assert 0 < iri_images.min() < iri_images.max() < 1


@pytest.mark.parametrize("name", SIMILARITY_MEASURES)
def test_the_table_has_the_closed_form_for_every_pair_in_both_directions(measured, name):
    rows = measured.table.query("similarity_measure == @name")
    assert len(rows) == len(MATRICES) ** 2
    for row in rows.itertuples():
        reference, target = MATRICES[row.reference_model], MATRICES[row.target_model]
        x, y = (torch.from_numpy(of @ target.T) for of in (measured.images, _closed_form(measured, row.reference_model)))
        expected = pytest.approx(SIMILARITY_MEASURES[name](x, y), abs=tolerance(name, reference, target))
        assert row.stir == expected, (row.reference_model, row.target_model)


def test_a_target_that_reads_nothing_else_than_the_reference_has_all_of_its_invariances_by_every_measure(measured):
    rows = measured.table.query("reference_model == 'eight' and target_model in @WITHIN or reference_model == target_model")
    assert len(rows) == 7 * len(SIMILARITY_MEASURES)
    assert rows["stir"].to_numpy() == pytest.approx(1, abs=1e-6)


def test_the_direction_matters(measured):
    scores = measured.table.query("similarity_measure == 'linear_cka'").set_index(["reference_model", "target_model"])["stir"]
    assert scores["eight", "nested"] > scores["nested", "eight"] + 0.1
