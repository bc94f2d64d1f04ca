"""100 models by 10 layers by 3 random seeds: so many artifacts, and no more work for them than they need."""

import json
from collections import Counter

import pytest

from benchmarks.scale_costs import Flop, Setting, bytes_of_iri, bytes_of_representation, flop_of_jobs, gigabytes, gpu_hours, jobs
from benchmarks.scale_experiment import LAYERS, scale_experiment, write_experiment
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.plan import Plan
from stir_workflow.store.hdf5 import Labelled, write_arrays
from stir_workflow.store.identity import Recipe
from tests.workflow.jobs import LARGE


@pytest.fixture(scope="module")
def planned_once(tmp_path_factory):
    """The large experiment's plan, and of which recipes a key was computed while it was made and asked again."""
    experiment = load_experiment(write_experiment(tmp_path_factory.mktemp("scale") / "scale.yaml"))
    written, to_json = [], Recipe.to_json
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recipe, "to_json", lambda recipe: written.append(recipe.stage) or to_json(recipe))
        plan = Plan("scale", experiment)
        assert all(artifact.key in artifact.path for artifact in plan.by_path.values())
    return plan, written


@pytest.fixture
def large(planned_once):
    return planned_once[0]


def test_the_large_experiment_has_an_artifact_for_each_thing_to_make(large):
    assert {stage: len(large.stage_paths(stage)) for stage in LARGE} == LARGE


def test_the_large_experiment_can_be_run(load, tmp_path):
    check_meaning(load(json.dumps(scale_experiment())), tmp_path / "mine.yaml")


def test_the_key_of_a_recipe_is_computed_once(planned_once):
    plan, written = planned_once
    planned = Counter(artifact.recipe.stage for artifact in plan.by_path.values())
    same = Counter({"checkpoint": len(plan.experiment["models"]) - 1})  # the untrained network of each entry is one network
    assert Counter(written) == planned + same


SETTING = Setting(
    models=3,
    features={"wide": 64, "narrow": 5},
    random_seeds=2,
    images=8,
    values_an_image=48,
    train_images=100,
    test_images=20,
    measures=2,
    basis="joint",
    weights=1000,
)
FLOP = Flop(training=6e6, evaluation=1e6, inversion={"wide": 2e6, "narrow": 4e6}, representation={"wide": 1e6, "narrow": 2e6})


class TestCosts:
    def test_jobs_are_those_of_the_plan(self, large):
        features = dict.fromkeys(LAYERS, 1)
        setting = Setting(**{**vars(SETTING), "models": 100, "features": features, "random_seeds": 3})
        assert jobs(setting) == {stage: len(large.stage_paths(stage)) for stage in jobs(setting)}

    def test_work_is_that_of_every_layer_image_and_random_seed(self):
        work = flop_of_jobs(SETTING, FLOP, epochs=5, evaluations=10)
        expected = {"checkpoint": 6e6 * 500, "evaluation": 2e7, "iri": 3e6 * 80, "representation": 3e6 * 8 * 3}
        assert work == pytest.approx(expected)
        hours = gpu_hours(SETTING, work, flop_per_second=1e6)
        assert hours["iri"] == pytest.approx(3 * 2 * 2 * 240 / 3600)

    def test_gigabytes_are_of_all_jobs(self):
        assert gigabytes(SETTING)["iri"] == pytest.approx(12 * bytes_of_iri(SETTING) / 1e9)
        assert gigabytes(SETTING)["checkpoint"] == pytest.approx((3 + 1) * 4000 / 1e9)

    @pytest.mark.parametrize("basis", ["joint", "features"])
    def test_a_file_of_representations_is_as_large_as_computed(self, tmp_path, basis):
        """The arrays that the stage writes for layers of 64 and 5 features, 8 images and 2 random seeds."""
        import torch

        from stir_workflow.stages.pair import _in_joint_basis

        arrays = {}
        for layer, d in SETTING.features.items():
            x, x_primes = torch.rand(8, d), torch.rand(2, 8, d)
            for number, x_prime in enumerate(x_primes):
                of_x, of_iri = _in_joint_basis(x, x_prime) if basis == "joint" else (x, x_prime)
                arrays |= {f"{layer}/reference_images": of_x, f"{layer}/iri_images/{number}": of_iri}
        setting = Setting(**{**vars(SETTING), "basis": basis})
        assert sum(array.nbytes for array in arrays.values()) == bytes_of_representation(setting)
        labelled = {name: Labelled(array.numpy(), ("image", "feature"), "activation") for name, array in arrays.items()}
        write_arrays(tmp_path / "x.h5", labelled, Recipe("representation", 0), device="cpu")
        assert bytes_of_representation(setting) < (tmp_path / "x.h5").stat().st_size
