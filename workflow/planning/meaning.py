"""What a schema cannot know of an experiment: names that must exist, numbers that must fit."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from planning import fitting, rehearsal
from planning.fitting import said
from planning.loading import Experiment, ExperimentError
from planning.models import model_names
from planning.plan import Plan
from planning.reading import blamed, read_experiment
from planning.settings import TORCHVISION, attacks_of, dataset_label, datasets_of, training_settings
from stir.errors import near_matches

Check = Callable[[Experiment], Iterable[str]]


def check_meaning(experiment: Experiment, path: Path, *, scale: str | None = None, sources: bool = True) -> None:
    """Refuse an experiment that would fail in a job.

    Parameters
    ----------
    experiment : Experiment
        What the file says, with defaults.
    path : Path
        The file, to be named; or one that it extends, where that is what says so.
    scale : str, optional
        The scale at which it says so.
    sources : bool
        Whether checkpoint files that it names must be there.

    Raises
    ------
    ExperimentError
        Listing everything that is wrong: file, value, what was expected, near matches.
    """
    last = [*LAST, fitting.checkpoints] if sources else LAST
    for checks in (FIRST, THEN, last):
        if problems := [problem for check in checks for problem in check(experiment)]:
            parts = read_experiment(path).parts(scale)
            raise ExperimentError("\n".join(blamed(parts, problem) for problem in problems))


def _names(experiment: Experiment) -> Iterator[str]:
    names = {
        "models": [name for model in experiment["models"] for name in model_names(model)],
        "training": [recipe["name"] for recipe in experiment["training"]],
        "further_datasets": [dataset_label(dataset) for dataset in datasets_of(experiment)],
    }
    kinds = {"models": "models", "training": "recipes", "further_datasets": "datasets"}
    for place, given in names.items():
        for name, count in Counter(given).items():
            if count > 1:
                own = "label" if place == "further_datasets" else "name"
                yield f"{place}: {count} {kinds[place]} are named {name!r}; give each a {own} of its own"


def _datasets(experiment: Experiment) -> Iterator[str]:
    """Find datasets that are unknown, contradict themselves or are too small, and labels that none has."""
    for place, dataset in fitting.places_of_datasets(experiment):
        yield from list(said(place, fitting.facts_of, dataset)) or fitting.split_sizes(place, dataset)
    labels = [dataset_label(dataset) for dataset in datasets_of(experiment)]
    named = [("images.datasets", label) for label in experiment["images"].get("datasets", [])]
    named += [(f"models[{n}].dataset", model["dataset"]) for n, model in enumerate(experiment["models"]) if "dataset" in model]
    for place, label in named:
        if label not in labels:
            yield f"{place}: no dataset is called {label!r}. {near_matches(label, labels)}"


def _recipes(experiment: Experiment) -> Iterator[str]:
    from stir.stages.checkpoint import training_recipe
    from stir.training import Attack, check_draws_nothing

    names = [recipe["name"] for recipe in experiment["training"]]
    for number, model in enumerate(experiment["models"]):
        if "training" in model and model["training"] not in names:
            training = model["training"]
            yield f"models[{number}].training: unknown recipe {training!r}. {near_matches(training, names)}"
    attacks = {"evaluation": attacks_of(experiment)[0]}
    attacks |= {f"evaluation[{number}]": attack for number, attack in enumerate(attacks_of(experiment)) if number}
    for number, recipe in enumerate(experiment["training"]):
        own = {f"training[{number}].attack": recipe["attack"]} if "attack" in recipe else {}
        wrong = [problem for place, attack in own.items() for problem in said(place, Attack, **attack)]
        yield from wrong or said(f"training[{number}]", training_recipe, training_settings(recipe))
    for place, attack in attacks.items():
        wrong = list(said(place, Attack, **attack))
        yield from wrong or said(place, check_draws_nothing, Attack(**attack))


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
        if "normalisation" in model and not model["architecture"].startswith(TORCHVISION):
            yield f"models[{number}].normalisation: weights of {model['architecture']!r} carry their own; leave it out"
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


def _same_models(experiment: Experiment) -> Iterator[str]:
    """Find models that are one model under two names: its scores would count twice."""
    names: dict[str, str] = {}
    for model in Plan("", experiment).models:
        if (first := names.setdefault(model.checkpoint.key, model.name)) != model.name:
            yield f"models: {first!r} and {model.name!r} have the same settings, so they are one model; leave one out"


FIRST: list[Check] = [_names, _datasets, _recipes, _registries, _rotations]
THEN: list[Check] = [fitting.image_counts, fitting.training_counts]
"""Of names that are known."""
LAST: list[Check] = [fitting.shapes, fitting.layers, _same_models, rehearsal.statements]
