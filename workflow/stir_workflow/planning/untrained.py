"""Untrained networks: floors of what targets share with a reference by their architecture alone. Pure."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stir.errors import InvalidInputError
from stir_workflow.planning.addresses import is_address, is_of_file, slug
from stir_workflow.planning.artifact import Artifact, artifact
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import (
    PlannedModel,
    architecture_settings,
    dataset_of,
    facts_of_entry,
    model_names,
    network_settings,
)
from stir_workflow.planning.settings import RANDOM, Settings, dataset_slug
from stir_workflow.stages.layer_setting import LayerSetting

Identity = tuple[str, tuple[LayerSetting, ...]]
"""Key of a checkpoint, and layers."""
UNTRAINED = "untrained"
"""Key of a reference that is the untrained network of a model."""
UNTRAINED_SEED = 0
"""Random seed of the initial weights of networks that are floors."""


@dataclass(frozen=True)
class Target:
    """A target of every representation job: a model of the experiment, or an untrained network."""

    model: PlannedModel
    index: str
    """What the index of representations calls it: its checkpoint's key, with a number if another target has that checkpoint."""


def planned_untrained(experiment: Experiment, datasets: Mapping[str, Artifact]) -> dict[str, PlannedModel]:
    """Plan the untrained network of every model: name of the model -> network, with the layers of the model.

    A network that may come with weights of its own has none (`can_be_untrained`).
    """
    found: dict[str, PlannedModel] = {}
    for model in experiment["models"]:
        if can_be_untrained(model):
            found |= dict.fromkeys(model_names(model), _untrained(experiment, model, datasets))
    return found


def check_untrained(model: Settings) -> None:
    """Refuse a model of which there is no untrained network.

    Raises
    ------
    InvalidInputError
        Saying why.
    """
    if not can_be_untrained(model):
        raise InvalidInputError(
            f"Expected a model whose network can be had without weights; got {model['name']!r}, which {model['architecture']!r} "
            "builds, perhaps with weights of its own. Name another model, or add one with weights: random."
        )


def can_be_untrained(model: Settings) -> bool:
    """Return whether a network can be had without weights: what a callable or a Python file gives may hold some."""
    architecture = model["architecture"]
    if not is_address(architecture):
        return True
    from stir.models.architecture import parse_address  # with torch, as the code of such a network
    from stir.models.providers import prefixes

    return not is_of_file(architecture) and parse_address(architecture).prefix in prefixes()


def _untrained(experiment: Experiment, model: Settings, datasets: Mapping[str, Artifact]) -> PlannedModel:
    """Plan the network of an entry as it would be without training: with the same classes and preprocessing.

    For a model that is trained here, the normalisation is fitted to the training images as well: to all of them, so
    that models which differ in ``n_train`` share one network.
    """
    settings = network_settings(experiment, model) | {"random_seed": UNTRAINED_SEED}
    own, name = facts_of_entry(experiment, model), f"{slug(model['architecture'])}-{RANDOM}-{UNTRAINED_SEED}"
    fitted_to = [datasets[own["dataset"]]] if "training" in model else []
    name = f"{dataset_slug(dataset_of(experiment, model))}-{name}" if fitted_to else name
    checkpoint = artifact("checkpoint", name, settings, code=model.get("folder"), dataset=fitted_to)
    own |= {"n_train": None, "training_seed": None, "objective": None}
    return PlannedModel(**own, name=name, slug=name, checkpoint=checkpoint)


def count_untrained(experiment: Experiment) -> int:
    """Return how many targets are untrained networks and none of the models, without planning them."""
    found, own = set(), set()
    for model in filter(can_be_untrained, experiment["models"]):
        facts = facts_of_entry(experiment, model)
        fitted_to = facts["dataset"] if "training" in model else None
        identity = json.dumps(architecture_settings(experiment, model), sort_keys=True), fitted_to, facts["layers"]
        found.add(identity)
        if (model.get("weights"), model.get("random_seed")) == (RANDOM, UNTRAINED_SEED):
            own.add(identity)
    return len(found - own)


def planned_targets(
    experiment: Experiment, models: Sequence[PlannedModel], untrained: Mapping[str, PlannedModel]
) -> list[Target]:
    """Return the models, then the untrained networks that are none of them: each once for every choice of layers.

    Whatever is a reference is indexed by its checkpoint alone.
    """
    references = [untrained[entry[UNTRAINED]] for entry in experiment["references"] if UNTRAINED in entry]
    targets: dict[Identity, PlannedModel] = {}
    for model in (*models, *untrained.values()):
        targets.setdefault(_identity(model), model)
    indices: dict[Identity, str] = {}
    counts: Counter[str] = Counter()
    for identity in dict.fromkeys([*map(_identity, (*models, *references)), *targets]):
        key, _ = identity
        indices[identity] = f"{key}.{counts[key]}" if counts[key] else key
        counts[key] += 1
    return [Target(model, indices[identity]) for identity, model in targets.items()]


def floors(models: Sequence[PlannedModel], untrained: Mapping[str, PlannedModel], targets: Sequence[Target]) -> dict[str, str]:
    """Return checkpoint key of a model -> what the index of representations calls its untrained network."""
    indices = {_identity(target.model): target.index for target in targets}
    return {model.checkpoint.key: indices[_identity(untrained[model.name])] for model in models if model.name in untrained}


def _identity(model: PlannedModel) -> Identity:
    return model.checkpoint.key, model.layers
