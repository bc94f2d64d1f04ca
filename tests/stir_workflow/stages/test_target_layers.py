"""The target model may name its layers otherwise: arrays are named after the reference's, rows say both."""

import json
from pathlib import Path

import pytest
import torch

from stir.errors import InvalidInputError
from stir.models import Architecture, build_model, read_model, save_model
from stir.representations import represent
from stir.score import score as score_of
from stir_workflow.stages import dataset, iri, pair, score
from stir_workflow.stages.images import read_images
from stir_workflow.stages.job import Job
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.stages.matches import read_matches
from stir_workflow.store.artifacts import sealed_recipe, sealing
from stir_workflow.store.facts import STAGES
from stir_workflow.store.hdf5 import read_arrays, read_attribute
from stir_workflow.store.identity import Recipe
from stir_workflow.store.scores import read_scores

LAYERS, TARGET_LAYERS = ["stage1", "penultimate"], ["stage2", "pooling"]
COMMON = {"n_images": 12, "threads": 1, "batch_size": 12}
INVERSION = {
    **{"tolerance": 0.2, "method": "lbfgs", "seed_images": "normal_noise", "max_iterations": 200, "random_seed": 3},
    **{"precision": "float32", "fake_last_relu": False},
}


class Made:
    """Artifacts of two untrained networks, the target's by layers of its own."""

    def __init__(self, folder: Path, layers=LAYERS) -> None:
        self.folder, self.layers = folder, layers
        self.dataset = self._made(dataset, {"name": "digits", "n_test": 20, "random_seed": 0})
        self.reference = self._checkpoint("resnet8", "a")
        self.target = self._checkpoint("vgg6", "b")
        self.iris = [
            self._made(
                iri, {**COMMON, **INVERSION, **LayerSetting.of(layer).settings()}, checkpoint=self.reference, dataset=self.dataset
            )
            for layer in layers
        ]

    def _checkpoint(self, name, key):
        architecture = Architecture(name, 4, 1, 10)
        recipe = Recipe("checkpoint", 1, {"architecture": architecture.to_dict(), "sha256": key})
        with sealing(self.folder / f"{name}-{recipe.key}.safetensors", recipe, device="cpu") as path:
            save_model(path, build_model(architecture), architecture, {})
        return self.folder / f"{name}-{recipe.key}.safetensors"

    def _made(self, stage, settings, **inputs):
        name = stage.__name__.rpartition(".")[2]
        paths = {role: given if isinstance(given, list) else [given] for role, given in inputs.items()}
        keys = {
            role: [path.stem[-16:] for path in given] if isinstance(given, list) else given.stem[-16:]
            for role, given in inputs.items()
        }
        recipe = Recipe(name, STAGES[name].version, settings, keys)
        path = self.folder / f"{name}-{recipe.key}.h5"
        stage.make(Job(recipe, path, paths, "cpu"))
        return path

    def representation(self, checkpoint, **layers):
        settings = {**COMMON, "layers": self.layers, "basis": "features", **layers}
        return self._made(pair, settings, checkpoint=checkpoint, dataset=self.dataset, iris=self.iris)

    def score(self, reference, target, **more):
        settings = {"similarity_measures": ["linear_cka"], "minimum_converged_fraction": 0.0, "threads": 1, **more}
        made_from = {key: path.as_posix() for key, path in self._by_checkpoint(reference, target).items()}
        recipe = Recipe("representation", STAGES["representation"].version, {}, made_from)
        index = self.folder / f"x-{recipe.key}.json"
        with sealing(index, recipe) as path:
            path.write_text(json.dumps(made_from), encoding="utf-8")
        return self._made(score, settings, representation=index, iris=self.iris)

    @staticmethod
    def _by_checkpoint(*paths):
        return {sealed_recipe(path).inputs["checkpoint"]: path for path in paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("made"))


def test_arrays_are_the_targets_layers_under_the_references_names(made):
    path = made.representation(made.target, target_layers=TARGET_LAYERS)
    model, (images, _) = read_model(made.target), read_images(made.dataset, "test", first=12)
    for layer, target_layer, iris in zip(LAYERS, TARGET_LAYERS, made.iris, strict=True):
        of_reference, of_iri = read_arrays(path, f"{layer}/reference_images", f"{layer}/iri_images/3")
        iri_images = torch.from_numpy(read_arrays(iris, "iri_images")[0])
        for found, pictures in ((of_reference, images), (of_iri, iri_images)):
            expected = represent(model, pictures, layer=target_layer)
            torch.testing.assert_close(torch.from_numpy(found), expected, msg=f"{layer} as {target_layer}")


def test_rows_say_both_layers_and_score_them(made):
    reference, target = (
        made.representation(made.reference),
        made.representation(made.target, target_layers=TARGET_LAYERS),
    )
    rows = read_scores(made.score(reference, target)).rows
    itself, other = rows.iloc[:2], rows.iloc[2:]
    assert list(itself["reference_layer"]) == list(itself["target_layer"]) == list(other["reference_layer"]) == LAYERS
    assert list(other["target_layer"]) == TARGET_LAYERS
    for layer, row in zip(LAYERS, other.itertuples(), strict=True):
        arrays = [torch.from_numpy(array) for array in read_arrays(target, f"{layer}/reference_images", f"{layer}/iri_images/3")]
        first = torch.from_numpy(read_arrays(reference, f"{layer}/reference_images")[0])
        expected = score_of(reference_of_reference=first, target_of_reference=arrays[0], target_of_iri=arrays[1])
        assert (row.stir, row.similarity) == pytest.approx((expected.stir, expected.similarity))


def test_the_same_names_need_no_target_layers(made):
    rows = read_scores(made.score(made.representation(made.reference), made.representation(made.target))).rows
    assert list(rows["target_layer"]) == list(rows["reference_layer"]) == LAYERS * 2


def test_another_number_of_target_layers_is_refused(made):
    with pytest.raises(InvalidInputError, match="Expected a layer in target_layers for each in layers; got 1 for 2"):
        made.representation(made.target, target_layers=["stage2"])


@pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")
def test_a_precision_that_is_left_to_the_machine_stands_in_the_artifact_and_in_its_rows(made):
    assert all("precision_used" not in match for match in read_matches(made.iris))
    settings = {**COMMON, **INVERSION, "layer": "stage1", "precision": "auto", "max_iterations": 3}
    path = made._made(iri, settings, checkpoint=made.reference, dataset=made.dataset)
    used = read_attribute(path, "precision_used")
    assert used in ("float32", "bfloat16")
    assert read_matches([path])[0]["precision_used"] == used
