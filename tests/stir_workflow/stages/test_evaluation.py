"""An evaluation reports accuracies, and why a robustness is implausible for its recipe."""

import json

import pytest
import torch

from stir.models import Architecture, build_model, save_model
from stir_workflow.stages import dataset, evaluation
from stir_workflow.stages.job import Job
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe

ATTACK = {"norm": "l2", "eps": 0.5, "steps": 2, "step_size": 0.3}
TRAINING = {"objective": "at", "epochs": 1, "batch_size": 32, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.0}
CURVE = {"training_loss": [1.0], "clean_accuracy": [0.6], "robust_accuracy": [0.6]}


@pytest.fixture(scope="module")
def digits_path(tmp_path_factory):
    recipe = Recipe("dataset", STAGES["dataset"].version, {"name": "digits", "n_test": 100, "random_seed": 0})
    path = tmp_path_factory.mktemp("datasets") / f"digits-{recipe.key}.h5"
    dataset.make(Job(recipe, path))
    return path


@pytest.fixture
def evaluated(tmp_path, digits_path):
    """Evaluate untrained weights whose file tells of a training and its curve."""

    def evaluate(training, attack=ATTACK, **metadata):
        return evaluate_all(training, [attack], **metadata)[0]

    def evaluate_all(training, attacks, **metadata):
        architecture = Architecture("resnet8", 2, 1, 10)
        recipe = Recipe("checkpoint", STAGES["checkpoint"].version, {"training": training} if training else {"sha256": "0" * 64})
        weights = tmp_path / f"small-{recipe.key}.safetensors"
        with sealing(weights, recipe) as path:
            save_model(path, build_model(architecture).eval(), architecture, {"recipe": recipe.to_json(), **metadata})
        settings = {"attacks": attacks, "batch_size": 50, "threads": 1}
        recipe = Recipe("evaluation", STAGES["evaluation"].version, settings, {"checkpoint": recipe.key})
        job = Job(recipe, tmp_path / f"small-{recipe.key}.json", {"checkpoint": [weights], "dataset": [digits_path]}, "cpu")
        evaluation.make(job)
        return json.loads(job.output.read_text())

    return evaluate


def test_a_robust_model_that_lost_its_robustness_is_flagged(evaluated):
    found = evaluated(TRAINING | {"attack": ATTACK}, learning_curve=CURVE)
    assert found["robust_accuracy"] < 0.3
    assert found["flag"].startswith("catastrophic overfitting: robust accuracy was 60% while it trained, and is ")


def test_a_ball_that_it_was_not_trained_for_says_nothing(evaluated):
    training = TRAINING | {"attack": ATTACK}
    assert evaluated(training, attack=ATTACK | {"eps": 0.6}, learning_curve=CURVE)["flag"] == ""
    assert evaluated(training, attack=ATTACK | {"norm": "linf"}, learning_curve=CURVE)["flag"] == ""
    assert evaluated(training, attack=ATTACK | {"eps": 0.4}, learning_curve=CURVE)["flag"] != ""


def test_a_vanilla_model_and_one_that_was_taken_are_not_flagged(evaluated):
    assert evaluated(TRAINING | {"objective": "vanilla"}, learning_curve=CURVE)["flag"] == ""
    assert evaluated(None)["flag"] == ""


def test_accuracies_are_those_of_the_test_images(evaluated, digits_path):
    from stir_workflow.stages.images import read_images

    images, labels = read_images(digits_path, "test")
    with torch.no_grad():
        right = build_model(Architecture("resnet8", 2, 1, 10)).eval()(images).argmax(dim=1) == labels
    found = evaluated(None)
    assert found["clean_accuracy"] == pytest.approx(right.double().mean().item())
    assert found["n_images"] == 100
