"""Models of an experiment, and the checkpoints that they are. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stir.data import dataset_facts
from stir_workflow.planning.artifact import Artifact, artifact
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.settings import (
    Settings,
    dataset_label,
    dataset_settings,
    dataset_slug,
    datasets_of,
    layer_name,
    model_width,
    normalisation_settings,
    training_settings,
)


@dataclass(frozen=True)
class PlannedModel:
    """One model of an experiment."""

    name: str
    group: str
    """The model's name without its training seed."""
    slug: str
    """What file names call it; it follows from the settings, so experiments share files."""
    training_seed: int | None
    architecture: str
    width: int | None
    objective: str | None
    dataset: str
    """Label of the dataset that it is trained on, or was."""
    n_train: int | None
    layers: tuple[str, ...]
    """Dotted names, in the order of the experiment's layers."""
    checkpoint: Artifact

    def row(self) -> dict[str, Any]:
        """Return what tables say of it."""
        same = ("name", "group", "architecture", "objective", "training_seed", "n_train", "width")
        return {key: getattr(self, key) for key in same} | {
            "checkpoint": self.checkpoint.key,
            "training_dataset": self.dataset,
            "layers": list(self.layers),
        }


def model_names(model: Settings) -> list[str]:
    """Return the names of what one entry of the file stands for: training seeds are appended."""
    return [f"{model['name']}-{seed}" for seed in model["training_seeds"]] if "training" in model else [model["name"]]


def architecture_settings(experiment: Experiment, model: Settings) -> dict[str, Any]:
    """Return what a network is built from: its classes and channels are those of its training dataset."""
    facts = dataset_facts(dataset_settings(dataset_of(experiment, model)))
    width = model_width(experiment, model)
    settings = {"name": model["architecture"], "width": width, "channels": facts.channels, "classes": facts.classes}
    return settings | normalisation_settings(model)


def dataset_of(experiment: Experiment, model: Settings) -> Settings:
    """Return the dataset that a model is trained on, or was."""
    by_label = {dataset_label(dataset): dataset for dataset in datasets_of(experiment)}
    return by_label[model.get("dataset", dataset_label(experiment["dataset"]))]


def planned_models(experiment: Experiment, datasets: Mapping[str, Artifact]) -> Iterator[PlannedModel]:
    """Plan the models of an experiment.

    Parameters
    ----------
    experiment : Experiment
        What the file says, with defaults.
    datasets : mapping
        Label -> artifact.
    """
    recipes = {recipe["name"]: recipe for recipe in experiment["training"]}
    threads = {"threads": experiment["compute"]["threads"]}
    for model in experiment["models"]:
        settings = {"architecture": architecture_settings(experiment, model), **threads}
        own = _own(experiment, model)
        if "training" not in model:
            slug = f"{model['architecture']}-{model['sha256'][:8]}"
            checkpoint = artifact("checkpoint", slug, settings | {"sha256": model["sha256"]}, model["checkpoint"])
            yield PlannedModel(**own, name=model["name"], slug=slug, training_seed=None, objective=None, checkpoint=checkpoint)
            continue
        recipe = recipes[model["training"]] | ({"epochs": model["epochs"]} if "epochs" in model else {})
        settings |= {"training": training_settings(recipe)} | ({"n_train": model["n_train"]} if "n_train" in model else {})
        for name, random_seed in zip(model_names(model), model["training_seeds"], strict=True):
            slug = _slug(experiment, model, recipe["objective"], random_seed)
            seeded = settings | {"random_seed": random_seed}
            checkpoint = artifact("checkpoint", slug, seeded, dataset=datasets[own["dataset"]])
            yield PlannedModel(
                **own, name=name, slug=slug, training_seed=random_seed, objective=recipe["objective"], checkpoint=checkpoint
            )


def _own(experiment: Experiment, model: Settings) -> dict[str, Any]:
    """Return what all models of one entry have in common."""
    architecture = model["architecture"]
    return {
        "group": model["name"],
        "architecture": architecture,
        "width": model_width(experiment, model),
        "dataset": dataset_label(dataset_of(experiment, model)),
        "n_train": model.get("n_train"),
        "layers": tuple(str(layer_name(layer, architecture)) for layer in experiment["layers"]),
    }


def _slug(experiment: Experiment, model: Settings, objective: str, random_seed: int) -> str:
    dataset = dataset_slug(dataset_of(experiment, model))
    of = f"-first-{model['n_train']}" if "n_train" in model else ""
    return f"{dataset}{of}-{model['architecture']}-{objective}-{random_seed}"
