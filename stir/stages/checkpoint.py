"""Stage checkpoint: weights, trained here or taken from a path or URL."""

from typing import TYPE_CHECKING

from stir.stages.job import Job, computed_on

if TYPE_CHECKING:
    from torch import nn

    from stir.models import Architecture
    from stir.snapshots import Snapshot

VERSION = 1
IMPORTS = ("stir.models", "stir.stages.images", "stir.training", "torch._dynamo")


def make(job: Job) -> None:
    """Make a safetensors file that carries its architecture, recipe and learning curve."""
    from stir.artifacts import sealing
    from stir.models import Architecture, save_model
    from stir.snapshots import Snapshot

    device = job.torch_device()
    architecture = Architecture(**job.settings["architecture"])
    snapshot = Snapshot(job.snapshot_path())
    if "training" in job.settings:
        model, losses = _trained(job, architecture, str(device), snapshot)
    else:
        model, losses = _taken(job, architecture), []
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        save_model(path, model, architecture, {"recipe": job.recipe.to_json(), "training_losses": losses})
    snapshot.discard()


def _trained(job: Job, architecture: "Architecture", device: str, snapshot: "Snapshot") -> "tuple[nn.Module, list[float]]":
    import torch

    from stir.models import build_model
    from stir.stages.images import read_images
    from stir.training import Attack, TrainingRecipe, train

    images, labels = read_images(job.one("dataset"), "train")
    training = job.settings["training"]
    attack = Attack(**training["attack"]) if training.get("attack") else None
    random_seed = job.settings["random_seed"]
    model = build_model(architecture, random_seed=random_seed)
    model.get_submodule("normalise").fit(images)  # type: ignore[operator]
    losses = train(
        model.to(device),
        images.to(device),
        labels.to(device),
        TrainingRecipe(**{**training, "attack": attack}),
        generator=torch.Generator().manual_seed(random_seed),
        progress=True,
        snapshot=snapshot,
    )
    return model, losses


def _taken(job: Job, architecture: "Architecture") -> "nn.Module":
    from stir.errors import CheckpointError
    from stir.models import build_model, load_checkpoint

    if job.source is None:
        raise CheckpointError(f"No path or URL was given for the checkpoint {job.output.name}.")
    return load_checkpoint(build_model(architecture), job.source, sha256=job.settings["sha256"]).eval()
