"""Stage checkpoint: weights, trained here, taken from a path, a URL or the network's library, or random.

A network of random weights that is given a dataset is one before training: its normalisation is fitted to the images.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stir_workflow.stages.job import Job, computed_on
from stir_workflow.stages.networks import architecture_of

if TYPE_CHECKING:
    from torch import nn

    from stir.models import Architecture
    from stir.snapshots import Snapshot
    from stir.training import LearningCurve, TrainingRecipe


def make(job: Job) -> None:
    """Make a safetensors file that carries its architecture, recipe and learning curve."""
    from stir.models import save_model
    from stir.snapshots import Snapshot
    from stir_workflow.store.artifacts import sealing

    device = job.torch_device()
    architecture = architecture_of(job.settings, job.code)
    snapshot = Snapshot(job.snapshot_path())
    if "training" in job.settings:
        model, curve = _trained(job, architecture, str(device), snapshot)
        learnt = {"learning_curve": curve.to_dict()}
    else:
        model, learnt = _taken(job, architecture).eval(), {}
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        save_model(path, model, architecture, {"recipe": job.recipe.to_json(), **learnt})
    snapshot.discard()


def _trained(job: Job, architecture: "Architecture", device: str, snapshot: "Snapshot") -> "tuple[nn.Module, LearningCurve]":
    import torch

    from stir.models import build_model
    from stir.training import train
    from stir_workflow.stages.images import read_images

    images, labels = read_images(job.one("dataset"), "train", first=job.settings.get("n_train"))
    recipe, random_seed = training_recipe(job.settings["training"]), job.settings["random_seed"]
    shown = read_images(job.one("dataset"), "test", first=recipe.monitor.n_images) if recipe.monitor else ()
    model = build_model(architecture, random_seed=random_seed)
    model.get_submodule("normalise").fit(images)  # type: ignore[operator]
    curve = train(
        model.to(device),
        images.to(device),
        labels.to(device),
        recipe,
        generator=torch.Generator("cpu").manual_seed(random_seed),
        monitored=(shown[0].to(device), shown[1].to(device)) if shown else None,
        progress=True,
        snapshot=snapshot,
    )
    return model, curve


def training_recipe(settings: "Mapping[str, Any]") -> "TrainingRecipe":
    """Return the recipe that a checkpoint's settings tell of."""
    from stir.training import Attack, Monitor, TrainingRecipe

    attack, monitor = settings.get("attack"), settings.get("monitor")
    made = {
        "attack": Attack(**attack) if attack else None,
        "monitor": Monitor(monitor["n_images"], Attack(**monitor["attack"])) if monitor else None,
    }
    return TrainingRecipe(**{**settings, **made})


def _taken(job: Job, architecture: "Architecture") -> "nn.Module":
    from stir.errors import CheckpointError
    from stir.models import build_model, load_checkpoint
    from stir_workflow.stages.images import read_images

    untrained = "random_seed" in job.settings  # published weights that it names say its preprocessing alone
    model = build_model(architecture, random_seed=job.settings.get("random_seed", 0), load=not untrained)
    if "dataset" in job.inputs:
        model.get_submodule("normalise").fit(read_images(job.one("dataset"), "train")[0])  # type: ignore[operator]
    if "sha256" not in job.settings:
        return model
    if job.source is None:
        raise CheckpointError(f"No path or URL was given for the checkpoint {job.output.name}.")
    which = {"sha256": job.settings["sha256"], "entry": job.settings.get("entry")}
    return load_checkpoint(model, job.source, **which, missing="head", progress=True)
