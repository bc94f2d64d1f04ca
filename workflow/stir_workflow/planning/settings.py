"""What of an experiment's settings determines which artifact. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from stir.inversion.settings import InversionSettings
from stir_workflow.planning.addresses import TORCHVISION, canonical, is_address
from stir_workflow.planning.loading import Experiment
from stir_workflow.stages.layer_setting import LayerSetting

Settings = Mapping[str, Any]
Layer = str | Mapping[str, Any]

PUBLISHED = "published"
"""The normalisation of images that the network's library states for its own weights."""
NO_NORMALISATION = "none"
RANDOM = "random"
"""Weights that a random seed determines."""
NO_EVALUATION = "none"
ALL_LAYERS = "all"
MEANT_BEFORE = {"schedule": "one_cycle", "precision": "float32", "augmentation": "none", "random_start": False}
"""Values that recipes of models and attacks leave out: they say what was meant before there were these settings, so
that whatever was made then keeps its key."""
FIXED_IN_INVERSIONS = ("pixel_bounds", "pooling")
"""Settings of inversions that experiments cannot choose: datasets lie in [0, 1], and representations are flat."""
ALWAYS_STATED = ("method", "seed_images", "precision", "fake_last_relu", "tolerance", "max_iterations", "batch_size")
"""Settings of inversions that recipes of IRIs state even at their defaults. Those that were added later are left out there,
so that older artifacts keep their keys."""
WITH_BETA = ("trades", "mart")
"""Objectives on which beta has an effect; the recipes of others leave it out."""


def dataset_settings(dataset: Settings) -> dict[str, Any]:
    """Return what determines the images: neither where they lie nor what the experiment calls them."""
    return {key: value for key, value in dataset.items() if key not in ("label", "path")}


def dataset_label(dataset: Settings) -> str:
    """Return what the experiment calls a dataset."""
    return str(dataset.get("label", dataset["name"]))


def datasets_of(experiment: Experiment) -> list[Settings]:
    """Return all datasets, the main one first."""
    return [experiment["dataset"], *experiment["further_datasets"]]


def image_labels(experiment: Experiment) -> list[str]:
    """Return the labels of the datasets that X is taken from."""
    return list(experiment["images"].get("datasets", [dataset_label(experiment["dataset"])]))


def n_scored(experiment: Experiment) -> int:
    """Return how many images are scored: the first of those that are inverted."""
    images = experiment["images"]
    return int(images.get("n_scored", images["n_images"]))


def dataset_slug(dataset: Settings) -> str:
    """Return what file names call a dataset; it follows from the settings, so experiments share files."""
    classes = dataset.get("classes")
    if classes is None:
        return str(dataset["name"])
    in_a_row = list(classes) == list(range(classes[0], classes[-1] + 1))
    return f"{dataset['name']}-classes-{classes[0]}-{classes[-1]}" if in_a_row else f"{dataset['name']}-{len(classes)}-classes"


def training_settings(recipe: Settings) -> dict[str, Any]:
    """Return what determines a training: not what the experiment calls it."""
    left_out = {"name"} if recipe["objective"] in WITH_BETA else {"name", "beta"}
    settings = {key: value for key, value in _without_what_was_meant(recipe).items() if key not in left_out}
    if "attack" in recipe:
        settings["attack"] = attack_settings(recipe["attack"])
    if "monitor" in recipe:
        settings["monitor"] = recipe["monitor"] | {"attack": attack_settings(recipe["monitor"]["attack"])}
    return settings


def attack_settings(attack: Settings) -> dict[str, Any]:
    """Return what determines an attack."""
    return _without_what_was_meant(attack)


def _without_what_was_meant(settings: Settings) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in MEANT_BEFORE or MEANT_BEFORE[key] != value}


def inversion_settings(inversion: Settings) -> dict[str, Any]:
    """Return what determines how IRIs are found: the `InversionSettings` that an experiment can choose."""
    chosen = {field: inversion[field.name] for field in fields(InversionSettings) if field.name not in FIXED_IN_INVERSIONS}
    return {field.name: value for field, value in chosen.items() if field.name in ALWAYS_STATED or value != field.default}


def attacks_of(experiment: Experiment) -> list[Settings]:
    """Return the attacks that models are evaluated with; none where the experiment asks for no accuracies."""
    evaluation = experiment["evaluation"]
    if evaluation == NO_EVALUATION:
        return []
    return evaluation if isinstance(evaluation, list) else [evaluation]


def model_width(experiment: Experiment, model: Settings) -> int | None:
    """Return a model's width: its own, or the experiment's; None for other libraries' networks, which have one of their own."""
    if "width" in model:
        return int(model["width"])
    architecture = str(model["architecture"])
    return None if is_address(architecture) or architecture.startswith(TORCHVISION) else int(experiment["width"])


def normalisation_settings(model: Settings) -> dict[str, Any]:
    """Return the normalisation that a model asks for; none where it is as published, which was meant before one could ask.

    Training fits it to its images, so what another library states for its published weights does not count there.
    """
    if "training" in model and is_address(model["architecture"]):
        return {"normalisation": NO_NORMALISATION}
    given = {key: model[key] for key in ("mean", "std") if key in model}
    normalisation = given or model.get("normalisation", PUBLISHED)
    return {} if normalisation == PUBLISHED else {"normalisation": normalisation}


def layer_label(layer: Layer) -> str:
    """Return what figures call a layer."""
    return layer if isinstance(layer, str) else str(layer["label"])


def layer_setting(layer: Layer, model: Settings) -> LayerSetting | None:
    """Return a layer as a model has it; None if the experiment names none for this model."""
    if isinstance(layer, str):
        return LayerSetting.of(layer)
    if "layer" in layer:
        own = layer["layer"]
    elif "by_model" in layer:
        own = layer["by_model"].get(model["name"])
    else:
        own = {canonical(name): of_it for name, of_it in layer["by_architecture"].items()}.get(model["architecture"])
    if own is None:
        return None
    return LayerSetting.of({**layer, **({"layer": own} if isinstance(own, str) else own)})


def is_pattern(layer: str) -> bool:
    """Return whether a layer's text stands for several layers."""
    return layer == ALL_LAYERS or any(sign in layer for sign in "*?[")


def has_patterns(experiment: Experiment) -> bool:
    """Return whether an experiment's layers have to be looked for in its networks, which takes PyTorch."""
    settings = (layer_setting(layer, model) for layer in experiment["layers"] for model in experiment["models"])
    return any(setting is not None and is_pattern(setting.layer) for setting in settings)
