"""Models of an experiment, and the checkpoints that they are. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stir.data import dataset_facts
from stir_workflow.planning.addresses import arguments_of, folder_of, is_address, slug
from stir_workflow.planning.artifact import Artifact, artifact
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.settings import (
    RANDOM,
    Settings,
    dataset_label,
    dataset_settings,
    dataset_slug,
    datasets_of,
    layer_setting,
    model_width,
    normalisation_settings,
    training_settings,
)
from stir_workflow.stages.layer_setting import LayerSetting

LIBRARY_DEFAULT = "default"
"""Weights of a model whose entry names no others: those that its library takes by default."""


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
    layers: tuple[LayerSetting, ...]
    """In the order of the experiment's layers."""
    checkpoint: Artifact

    @property
    def inverted(self) -> dict[str, Artifact]:
        """The inputs of its inversions."""
        return {"checkpoint": self.checkpoint}

    def layer_settings(self, number: int) -> dict[str, Any]:
        """Return what recipes of its IRIs say of a layer."""
        return self.layers[number].settings()

    def row(self) -> dict[str, Any]:
        """Return what tables say of it."""
        same = ("name", "group", "architecture", "objective", "training_seed", "n_train", "width")
        return {key: getattr(self, key) for key in same} | {
            "checkpoint": self.checkpoint.key,
            "training_dataset": self.dataset,
            "layers": [layer.listed() for layer in self.layers],
        }


def model_names(model: Settings) -> list[str]:
    """Return the names of what one entry of the file stands for: training seeds are appended."""
    return [f"{model['name']}-{seed}" for seed in model["training_seeds"]] if "training" in model else [model["name"]]


def architecture_settings(experiment: Experiment, model: Settings) -> dict[str, Any]:
    """Return what a network is built from: its channels are those of its dataset, and mostly its classes, too."""
    facts = dataset_facts(dataset_settings(dataset_of(experiment, model)))
    settings = {
        "name": model["architecture"],
        "width": model_width(experiment, model),
        "channels": facts.channels,
        "classes": model.get("classes", None if has_own_classes(model) else facts.classes),
    }
    further = {"arguments": arguments_of(model), "weights": published_weights(model), "resize": model.get("resize")}
    return settings | normalisation_settings(model) | {key: value for key, value in further.items() if value}


def has_own_classes(model: Settings) -> bool:
    """Return whether a network has the outputs that its library or file gives it, where nothing else is asked for."""
    if "training" in model:
        return False
    return is_address(model["architecture"]) or published_weights(model) is not None


def published_weights(model: Settings) -> str | None:
    """Return the name of the weights that the network's library is asked for, if it is asked for any."""
    if {"training", "checkpoint"} & model.keys() or model.get("weights") == RANDOM:
        return None
    return str(model.get("weights", LIBRARY_DEFAULT))


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
    for model in experiment["models"]:
        settings, own = network_settings(experiment, model), facts_of_entry(experiment, model)
        if "training" not in model:
            name, checkpoint = _taken(model, settings)
            yield PlannedModel(**own, name=model["name"], slug=name, training_seed=None, objective=None, checkpoint=checkpoint)
            continue
        recipe = recipes[model["training"]] | ({"epochs": model["epochs"]} if "epochs" in model else {})
        settings |= {"training": training_settings(recipe)} | ({"n_train": model["n_train"]} if "n_train" in model else {})
        for name, random_seed in zip(model_names(model), model["training_seeds"], strict=True):
            slug = _slug(experiment, model, recipe["objective"], random_seed)
            seeded = settings | {"random_seed": random_seed}
            checkpoint = artifact("checkpoint", slug, seeded, code=model.get("folder"), dataset=datasets[own["dataset"]])
            yield PlannedModel(
                **own, name=name, slug=slug, training_seed=random_seed, objective=recipe["objective"], checkpoint=checkpoint
            )


def _taken(model: Settings, settings: Mapping[str, Any]) -> tuple[str, Artifact]:
    """Plan a model whose weights come from a file, from the network's library, or from a random seed: its slug and checkpoint."""
    architecture, folder, source = slug(model["architecture"]), model.get("folder"), model.get("checkpoint")
    if source is not None:
        sha256 = model["sha256"].lower()
        name, own = f"{architecture}-{sha256[:8]}", {"sha256": sha256, **{key: model[key] for key in ("entry",) if key in model}}
    elif model.get("weights") == RANDOM:
        name, own = f"{architecture}-{RANDOM}-{model['random_seed']}", {"random_seed": model["random_seed"]}
    else:
        name, own = f"{architecture}-{slug(str(published_weights(model)))}", {}
    return name, artifact("checkpoint", name, {**settings, **own}, source, code=folder)


def network_settings(experiment: Experiment, model: Settings) -> dict[str, Any]:
    """Return what recipes of checkpoints say of a network whatever its weights are."""
    architecture = architecture_settings(experiment, model)
    return {"architecture": architecture, "threads": experiment["compute"]["threads"], **code_settings(architecture, model)}


def facts_of_entry(experiment: Experiment, model: Settings) -> dict[str, Any]:
    """Return what all models of one entry have in common."""
    architecture = model["architecture"]
    return {
        "group": model["name"],
        "architecture": architecture,
        "width": model_width(experiment, model),
        "dataset": dataset_label(dataset_of(experiment, model)),
        "n_train": model.get("n_train"),
        "layers": tuple(filter(None, (layer_setting(layer, model) for layer in experiment["layers"]))),
    }


def code_settings(architecture: Mapping[str, Any], model: Settings) -> dict[str, Any]:
    """Return what identifies the code of a network that is not this project's: versions of packages, or digests of files.

    Recipes of architectures that were there before addresses leave it out, so that their artifacts keep their keys.
    """
    if not (is_address(architecture["name"]) or architecture.keys() & {"arguments", "weights", "resize"}):
        return {}
    from stir.models import Architecture, model_code  # with torch, which other experiments are planned without

    code = model_code(Architecture(**architecture, folder=folder_of(model)))
    return {"code": code} if code else {}


def _slug(experiment: Experiment, model: Settings, objective: str, random_seed: int) -> str:
    dataset = dataset_slug(dataset_of(experiment, model))
    of = f"-first-{model['n_train']}" if "n_train" in model else ""
    return f"{dataset}{of}-{slug(model['architecture'])}-{objective}-{random_seed}"
