"""Estimate the cost of the poster's six experiments at full scale: ``make bench-poster``.

Count the floating-point operations of each kind of job by running it on a few images of the real size with
networks of full width, and multiply by the number of such jobs in the plan. Hours are *expected*: they are derived from an
assumed fraction of a card's peak, and none of this is run.
"""

import argparse
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from scale_counts import count
from scale_tables import measured_evaluations

from stir.data import dataset_facts
from stir.inversion import InversionSettings
from stir.inversion.fast_forward import fast_forwards
from stir.models import Architecture, build_model
from stir.provenance import package_versions
from stir.training import Attack, accuracy, train
from stir_workflow.planning.artifact import Artifact
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reading import find_experiment, read_experiment
from stir_workflow.stages.checkpoint import training_recipe
from stir_workflow.statements.names import NAMES

ROOT = Path(__file__).resolve().parent.parent
COUNTED = 4
FLOAT32 = 4


def planned(scale: str) -> dict[str, Artifact]:
    """Return path -> artifact of all six, each once."""
    found: dict[str, Artifact] = {}
    for name in NAMES:
        path = find_experiment(name)
        found |= Plan(read_experiment(path).name(scale), load_experiment(path, scale)).by_path
    return found


class Costs:
    """Operations of a job, from those of a few images."""

    def __init__(self, artifacts: dict[str, Artifact], evaluations: float) -> None:
        self._artifacts = artifacts
        self._evaluations = evaluations
        self._by_key = {artifact.key: artifact for artifact in artifacts.values()}

    def _settings(self, artifact: Artifact, role: str) -> dict[str, Any]:
        return dict(self._by_key[artifact.recipe.inputs[role]].recipe.settings)

    def flop(self, artifact: Artifact) -> float:
        """Return the floating-point operations of one job; zero for stages without a network."""
        counted = {"checkpoint": self._training, "evaluation": self._evaluation, "iri": self._inversion}
        stage = counted.get(artifact.recipe.stage)
        return stage(artifact) if stage else 0.0

    def _training(self, artifact: Artifact) -> float:
        settings = artifact.recipe.settings
        if "training" not in settings:
            return 0.0
        facts = dataset_facts(self._settings(artifact, "dataset"))
        images = settings.get("n_train", facts.images - facts.n_test_default)
        recipe = json.dumps(settings["training"], sort_keys=True)
        return _training_flop(json.dumps(settings["architecture"]), recipe) * images * settings["training"]["epochs"]

    def _evaluation(self, artifact: Artifact) -> float:
        architecture = self._settings(artifact, "checkpoint")["architecture"]
        tested = (
            self._settings(artifact, "dataset").get("n_test") or dataset_facts(self._settings(artifact, "dataset")).n_test_default
        )
        return _evaluation_flop(json.dumps(architecture), json.dumps(artifact.recipe.settings["attack"])) * tested

    def _inversion(self, artifact: Artifact) -> float:
        settings = artifact.recipe.settings
        architecture = self._settings(artifact, "checkpoint")["architecture"]
        return _inversion_flop(json.dumps(architecture), settings["layer"]) * settings["n_images"] * self._evaluations


def _images(architecture: Architecture, n: int) -> torch.Tensor:
    return torch.rand(n, architecture.channels, 32, 32)


@cache
def _training_flop(architecture: str, recipe: str) -> float:
    """Return the operations per image in an epoch, including attacks but not monitoring."""
    network = Architecture(**json.loads(architecture))
    settings = json.loads(recipe) | {"epochs": 1, "batch_size": COUNTED, "monitor": None, "precision": "float32"}
    images, labels = _images(network, COUNTED), torch.arange(COUNTED)
    model = build_model(network)
    work = lambda: train(model, images, labels, training_recipe(settings), generator=torch.Generator())  # noqa: E731
    return count(work) / COUNTED


@cache
def _evaluation_flop(architecture: str, attack: str) -> float:
    """Return the operations per image that is classified correctly without an attack."""
    network = Architecture(**json.loads(architecture))
    model, images = build_model(network).eval(), _images(network, 1)
    labels = model(images).argmax(dim=1)
    return count(lambda: accuracy(model, images, labels, Attack(**json.loads(attack))))


@cache
def _inversion_flop(architecture: str, layer: str) -> float:
    """Return the operations per image of a forward and backward pass up to a layer."""
    network = Architecture(**json.loads(architecture))
    name = None if layer == "penultimate" else layer
    images = _images(network, 2)
    forward = fast_forwards(build_model(network).eval(), name, images, InversionSettings()).exact
    assert forward is not None, "the model could not be traced"
    return count(lambda: forward(images[:1].clone().requires_grad_()).square().sum().backward())


def main() -> None:
    """Print jobs, work and expected hours by stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="full")
    parser.add_argument("--card", default="NVIDIA H100 SXM, bfloat16, dense")
    parser.add_argument("--teraflops", type=float, default=989.4, help="peak of the card")
    parser.add_argument("--fraction", type=float, default=0.2, help="fraction of the peak that is reached")
    arguments = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    artifacts = planned(arguments.scale)
    evaluations = measured_evaluations()
    costs = Costs(artifacts, evaluations)
    work: Counter[str] = Counter()
    for artifact in artifacts.values():
        work[artifact.recipe.stage] += costs.flop(artifact)
    jobs = Counter(artifact.recipe.stage for artifact in artifacts.values())
    rate = arguments.teraflops * arguments.fraction * 1e12
    rows = [
        {"stage": stage, "jobs": count, "PFLOP": work[stage] / 1e15, "GPU hours (expected)": work[stage] / rate / 3600}
        for stage, count in jobs.items()
    ]
    table = pd.DataFrame(
        [*rows, {"stage": "all"} | {c: sum(r[c] for r in rows) for c in ("jobs", "PFLOP", "GPU hours (expected)")}]
    )
    print(f"The six experiments at scale {arguments.scale}; {evaluations:g} evaluations per image in an inversion")
    print(f"{arguments.fraction:g} of {arguments.teraflops:g} TFLOP/s ({arguments.card})")
    print(table.to_string(index=False, float_format="{:.4g}".format))
    print(json.dumps(package_versions()))


if __name__ == "__main__":
    main()
