"""Layers with selectors and poolings reach inversions, representations, scores and tables under names of their own."""

import pytest
import torch

from stir.layers import LayerSpec
from stir.models import read_model
from stir.representations import represent
from stir_workflow.stages.images import read_images
from stir_workflow.stages.iri import OF_THE_JOB
from stir_workflow.stages.pair import N_FEATURES
from stir_workflow.store.hdf5 import read_arrays, read_attribute
from stir_workflow.store.scores import read_scores
from tests.stir_workflow.stages.test_target_layers import Made

pytestmark = pytest.mark.filterwarnings("ignore:.*did not reach inversion error:stir.errors.ConvergenceWarning")
POOLED = {"layer": "stage2", "pooling": "global_average"}
LAYERS = ["stage2", POOLED]
TARGET_LAYERS = [{"layer": "stage1", "pooling": "global_max"}, "penultimate"]
TEXTS = ["stage2", "stage2 (global_average)"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("pooled"), layers=LAYERS)


def test_an_inversion_is_of_the_pooled_layer(made):
    model, (images, _) = read_model(made.reference), read_images(made.dataset, "test", first=12)
    iri_images, errors = read_arrays(made.iris[1], "iri_images", "inversion_error")
    spec = LayerSpec("stage2", pooling="global_average")
    ours, theirs = represent(model, images, layer=spec), represent(model, torch.from_numpy(iri_images), layer=spec)
    assert ours.shape == (12, 8)
    torch.testing.assert_close(torch.from_numpy(errors), (theirs - ours).norm(dim=1) / ours.norm(dim=1), rtol=1e-4, atol=1e-6)


def test_one_layer_read_in_two_ways_has_arrays_of_two_names(made):
    path = made.representation(made.reference)
    flat, pooled = read_arrays(path, *(f"{text}/reference_images" for text in TEXTS))
    assert (flat.shape, pooled.shape) == ((12, 8 * 16), (12, 8))
    torch.testing.assert_close(torch.from_numpy(flat).unflatten(1, (8, 16)).mean(dim=2), torch.from_numpy(pooled))


@pytest.mark.parametrize("basis", ["features", "joint"])
def test_rows_say_how_both_layers_are_read_and_how_many_features_they_have(made, basis):
    reference = made.representation(made.reference, basis=basis)
    target = made.representation(made.target, basis=basis, target_layers=TARGET_LAYERS)
    rows = read_scores(made.score(reference, target)).rows.iloc[2:]
    assert list(rows["reference_pooling"]) == ["flatten", "global_average"]
    assert list(rows["target_layer"]) == ["stage1", "penultimate"]
    assert list(rows["target_pooling"]) == ["global_max", "flatten"]
    assert rows["target_select"].isna().all()
    assert list(rows["reference_features"]) == [128, 8]
    assert list(rows["target_features"]) == [4, 16]
    assert (read_attribute(reference, N_FEATURES) is None) == (basis == "features")


def test_settings_of_a_layer_are_those_of_the_job_of_its_inversion():
    assert {"layer", "select", "pooling"} < set(OF_THE_JOB)
