"""A training job that is interrupted resumes from the last epoch, and leaves no temporary files when it ends."""

import importlib

import pytest
import torch

from stir.models import Architecture, build_model, read_metadata
from stir.snapshots import Snapshot
from stir_workflow.stages import checkpoint, dataset
from stir_workflow.stages.images import read_images
from stir_workflow.stages.job import Job
from stir_workflow.stages.networks import network_of
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe

TRAINING = {
    "objective": "vanilla",
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "attack": None,
}
BATCHES = 4
TRAIN = importlib.import_module("stir.training.train")


@pytest.fixture(scope="module")
def digits_path(tmp_path_factory):
    recipe = Recipe("dataset", STAGES["dataset"].version, {"name": "digits", "n_test": 1697, "random_seed": 0})
    path = tmp_path_factory.mktemp("datasets") / f"digits-{recipe.key}.h5"
    dataset.make(Job(recipe, path))
    return path


ARCHITECTURE = {"name": "resnet8", "width": 2, "channels": 1, "classes": 10}


def _job(folder, digits_path):
    settings = {"architecture": ARCHITECTURE, "training": TRAINING, "random_seed": 0, "threads": 1}
    recipe = Recipe("checkpoint", STAGES["checkpoint"].version, settings)
    return Job(recipe, folder / f"small-{recipe.key}.safetensors", {"dataset": [digits_path]}, "cpu")


def _count_steps(monkeypatch, *, fail_at=None):
    step, made = TRAIN._step, []

    def counted(*arguments):
        made.append(1)
        if len(made) == fail_at:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(TRAIN, "_step", counted)
    return made


def test_interrupted_and_run_again(monkeypatch, tmp_path, digits_path):
    whole, job = _job(tmp_path / "whole", digits_path), _job(tmp_path / "interrupted", digits_path)
    checkpoint.make(whole)
    monkeypatch.setitem(Snapshot.__init__.__kwdefaults__, "seconds", 0)
    with monkeypatch.context() as patch:
        _count_steps(patch, fail_at=2 * BATCHES + 2)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.make(job)
    assert [path.name for path in job.output.parent.iterdir()] == [f".{job.output.name}.snapshot.tmp"]
    with monkeypatch.context() as patch:
        made = _count_steps(patch)
        checkpoint.make(job)
    assert len(made) == BATCHES
    assert job.output.read_bytes() == whole.output.read_bytes()
    assert len(read_metadata(job.output)["learning_curve"]["training_loss"]) == 3
    assert {path.name for path in job.output.parent.iterdir()} == {job.output.name, f"{job.output.name}.json"}


def _untrained(folder, architecture, **inputs):
    """Make a checkpoint of random weights, and read its network as a job does."""
    recipe = Recipe("checkpoint", STAGES["checkpoint"].version, {"architecture": architecture, "random_seed": 0, "threads": 1})
    job = Job(recipe, folder / f"untrained-{recipe.key}.safetensors", inputs, "cpu")
    checkpoint.make(job)
    return network_of(Job(recipe, job.output, {"checkpoint": [job.output]}, "cpu"))


def test_a_network_before_training_has_random_weights_and_the_normalisation_of_its_training_images(tmp_path, digits_path):
    model = _untrained(tmp_path, ARCHITECTURE, dataset=[digits_path])
    expected = build_model(Architecture(**ARCHITECTURE), random_seed=0)
    expected.get_submodule("normalise").fit(read_images(digits_path, "train")[0])
    torch.testing.assert_close(dict(model.state_dict()), dict(expected.state_dict()), rtol=0, atol=0)


def test_published_weights_are_not_loaded_into_an_untrained_network(tmp_path):
    architecture = {"name": "torchvision.resnet18", "channels": 3, "classes": None, "weights": "IMAGENET1K_V1"}
    model = _untrained(tmp_path, architecture)
    expected = build_model(Architecture(**architecture), load=False)
    torch.testing.assert_close(dict(model.state_dict()), dict(expected.state_dict()), rtol=0, atol=0)
    assert model.size == (224, 224)
