"""Stage evaluation: clean and robust accuracy of a checkpoint on the test images."""

from pathlib import Path
from typing import TYPE_CHECKING

from stir_workflow.stages.job import Job, computed_on
from stir_workflow.stages.networks import network_of
from stir_workflow.store.identity import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stir.training import Attack


def make(job: Job) -> None:
    """Attack a model with each attack, and write its accuracies as JSON: a list, one entry per attack."""
    import json

    from stir.training import Attack, accuracy
    from stir_workflow.stages.images import read_images
    from stir_workflow.store.artifacts import sealing

    device = job.torch_device()
    images, labels = read_images(job.one("dataset"), "test")
    checkpoint = job.one("checkpoint")
    model = network_of(job).to(device)
    own = _own_classes(model, images[:2].to(device), checkpoint)
    found = []
    for attack in (Attack(**settings) for settings in job.settings["attacks"]):
        accuracies = accuracy(model, images.to(device), labels.to(device), attack, batch_size=job.settings["batch_size"])
        found.append(
            {
                "checkpoint": job.recipe.inputs["checkpoint"],
                "clean_accuracy": accuracies.clean,
                "robust_accuracy": accuracies.robust,
                "attack_norm": attack.norm,
                "attack_eps": attack.eps,
                "attack_steps": attack.steps,
                "n_images": len(images),
                "flag": _flag(checkpoint, attack, accuracies.robust),
                **own,
            }
        )
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _own_classes(model: "nn.Module", images: "Tensor", checkpoint: Path) -> dict[str, int]:
    """Return how many classes a network tells apart, where its checkpoint does not say: as many as its library gave it."""
    import torch

    from stir.models import read_metadata
    from stir.training import logits

    if read_metadata(checkpoint).get("architecture", {}).get("classes") is not None:
        return {}
    with torch.no_grad():
        return {"classes": logits(model, images).shape[1]}


def _flag(checkpoint: Path, attack: "Attack", robust_accuracy: float) -> str:
    """Say what is wrong with the robustness of a model that was trained for this ball; nothing of other models."""
    from stir.models import read_metadata
    from stir.training import LearningCurve, implausible
    from stir_workflow.stages.checkpoint import training_recipe

    metadata = read_metadata(checkpoint)
    if "learning_curve" not in metadata:
        return ""
    trained_for = training_recipe(Recipe.from_json(metadata["recipe"]).settings["training"]).attack
    if trained_for is None or attack.norm != trained_for.norm or attack.eps > trained_for.eps:
        return ""
    return implausible(LearningCurve(**metadata["learning_curve"]), robust_accuracy, metadata["architecture"]["classes"])
