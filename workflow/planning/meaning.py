"""What a schema cannot know of an experiment: names that must exist, numbers that must fit."""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from planning.loading import Experiment, ExperimentError
from planning.plan import Plan
from stir.data import DATASETS
from stir.errors import StirError, near_matches


def check_meaning(experiment: Experiment, path: Path, *, sources: bool = True) -> None:
    """Refuse an experiment that would fail in a job.

    Parameters
    ----------
    experiment : Experiment
        What the file says, with defaults.
    path : Path
        The file, to be named.
    sources : bool
        Whether checkpoint files that it names must be there.

    Raises
    ------
    ExperimentError
        Listing everything that is wrong: file, value, what was expected, near matches.
    """
    problems = [
        *_names(experiment),
        *_dataset(experiment),
        *_recipes(experiment),
        *_registries(experiment),
        *_rotations(experiment),
    ]
    if not problems:
        problems = [*_layers(experiment), *(_checkpoints(experiment) if sources else ()), *_same_models(experiment)]
    if problems:
        raise ExperimentError("\n".join(f"{path}: {problem}" for problem in problems))


def model_names(experiment: Experiment) -> list[str]:
    """Return the names of all models, training seeds appended."""
    return [
        name
        for model in experiment["models"]
        for name in ([f"{model['name']}-{seed}" for seed in model["training_seeds"]] if "training" in model else [model["name"]])
    ]


def _names(experiment: Experiment) -> Iterator[str]:
    for name, count in Counter(model_names(experiment)).items():
        if count > 1:
            yield f"models: {count} models are named {name!r}; give each a name of its own"
    for name, count in Counter(recipe["name"] for recipe in experiment["training"]).items():
        if count > 1:
            yield f"training: {count} recipes are named {name!r}; give each a name of its own"


def _dataset(experiment: Experiment) -> Iterator[str]:
    dataset, n_images = experiment["dataset"], experiment["images"]["n_images"]
    if dataset["name"] not in DATASETS:
        yield f"dataset.name: unknown dataset {dataset['name']!r}. {near_matches(dataset['name'], DATASETS)}"
        return
    has = DATASETS[dataset["name"]].images
    if dataset["n_test"] >= has:
        yield f"dataset.n_test: expected fewer than the {has} images of {dataset['name']!r}; got {dataset['n_test']}"
    if n_images > dataset["n_test"]:
        yield f"images.n_images: expected at most dataset.n_test = {dataset['n_test']}; got {n_images}"


def _recipes(experiment: Experiment) -> Iterator[str]:
    from stir.training import Attack, TrainingRecipe

    names = [recipe["name"] for recipe in experiment["training"]]
    for number, model in enumerate(experiment["models"]):
        if "training" in model and model["training"] not in names:
            training = model["training"]
            yield f"models[{number}].training: unknown recipe {training!r}. {near_matches(training, names)}"
    attacks = {"evaluation": experiment["evaluation"]}
    for number, recipe in enumerate(experiment["training"]):
        settings = {key: value for key, value in recipe.items() if key not in ("name", "attack")}
        yield from _said(f"training[{number}]", TrainingRecipe, {**settings, "attack": recipe.get("attack")})
        attacks |= {f"training[{number}].attack": recipe["attack"]} if "attack" in recipe else {}
    for place, attack in attacks.items():
        yield from _said(place, Attack, attack)


def _said(place: str, kind: Any, settings: dict[str, Any]) -> Iterator[str]:
    """Say what a class of the library says of settings."""
    try:
        kind(**settings)
    except StirError as error:
        yield f"{place}: {error}"


def _registries(experiment: Experiment) -> Iterator[str]:
    """Check names against the registries of the library."""
    from stir.inversion import METHODS
    from stir.models import ARCHITECTURES
    from stir.seed_images import SEED_IMAGES
    from stir.similarity import SIMILARITY_MEASURES

    inversion = experiment["inversion"]
    named: list[tuple[str, str, Collection[str]]] = [
        ("inversion.method", inversion["method"], METHODS),
        ("inversion.seed_images", inversion["seed_images"], SEED_IMAGES),
    ]
    named += [("similarity_measures", measure, SIMILARITY_MEASURES) for measure in experiment["similarity_measures"]]
    for number, model in enumerate(experiment["models"]):
        named.append((f"models[{number}].architecture", model["architecture"], ARCHITECTURES))
    for place, name, registry in named:
        if name not in registry:
            yield f"{place}: unknown {name!r}. {near_matches(name, registry)}"


def _rotations(experiment: Experiment) -> Iterator[str]:
    """Find measures that cannot read representations in another basis."""
    from stir.similarity import SIMILARITY_MEASURES

    if experiment["representations"]["basis"] != "joint":
        return
    for name in experiment["similarity_measures"]:
        if name in SIMILARITY_MEASURES and not SIMILARITY_MEASURES[name].rotation_invariant:
            yield f"similarity_measures: {name!r} changes under rotations; set representations.basis to features, or leave it out"


def _layers(experiment: Experiment) -> Iterator[str]:
    from stir.models import Architecture, layer_names

    facts = DATASETS[experiment["dataset"]["name"]]
    for name in sorted({model["architecture"] for model in experiment["models"]}):
        known = layer_names(Architecture(name, 1, facts.channels, facts.classes))
        for layer in experiment["layers"]:
            if layer != "penultimate" and layer not in known:
                yield f"layers: architecture {name!r} has no layer {layer!r}. {near_matches(layer, [*known, 'penultimate'])}"


def _same_models(experiment: Experiment) -> Iterator[str]:
    """Find models that are one model under two names: its scores would count twice."""
    names: dict[str, str] = {}
    for model in Plan("", experiment).models:
        if (first := names.setdefault(model.checkpoint.key, model.name)) != model.name:
            yield f"models: {first!r} and {model.name!r} have the same settings, so they are one model; leave one out"


def _checkpoints(experiment: Experiment) -> Iterator[str]:
    """Check that local checkpoint files exist; URLs are tried by their job."""
    for number, model in enumerate(experiment["models"]):
        source = model.get("checkpoint", "")
        if source and "://" not in source and not Path(source).expanduser().is_file():
            yield f"models[{number}].checkpoint: there is no file {source}"
