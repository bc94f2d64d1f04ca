"""Names by which one part of an experiment means another: checked before anything is planned. Pure; nothing heavy is imported."""

from collections import Counter
from collections.abc import Iterator, Sequence

from stir.data import dataset_source
from stir.errors import near_matches
from stir_workflow.planning import attacks, fitting, reference_entries
from stir_workflow.planning.addresses import canonical, key_of_architecture, problems_of_address, problems_of_arguments
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import architecture_settings, code_settings, model_names
from stir_workflow.planning.settings import (
    WITH_BETA,
    attacks_of,
    dataset_label,
    dataset_settings,
    datasets_of,
    image_labels,
    layer_label,
    layer_setting,
)
from stir_workflow.planning.untrained import count_untrained
from stir_workflow.stages.layer_setting import LayerSetting

MOST_FILES = 100_000
"""That one plan may have: some seconds of planning, and some gigabytes of Snakemake's graph."""


def problems_of_references(experiment: Experiment) -> Iterator[str]:
    """Find names that nothing has or several have, and numbers that do not fit; what is left can be planned."""
    found = False
    for check in (names, datasets, recipes, layers, networks, reference_entries.entries):
        for problem in check(experiment):
            found = True
            yield problem
    if not found:
        for check in SIZES:
            yield from check(experiment)


def names(experiment: Experiment) -> Iterator[str]:
    """Find names that two models, recipes, datasets or layers have."""
    of_kinds = {
        "models": ("models are named", "name", [name for model in experiment["models"] for name in model_names(model)]),
        "training": ("recipes are named", "name", [recipe["name"] for recipe in experiment["training"]]),
        "further_datasets": ("datasets are named", "label", list(map(dataset_label, datasets_of(experiment)))),
        "layers": ("layers are labelled", "label", list(map(layer_label, experiment["layers"]))),
    }
    for place, (are, own, given) in of_kinds.items():
        for name, count in Counter(given).items():
            if count > 1:
                yield f"{place}: {count} {are} {name!r}; give each a {own} of its own"


def datasets(experiment: Experiment) -> Iterator[str]:
    """Find datasets that are unknown, contradict themselves, are too small or one and the same, and labels that none has."""
    sound = []
    for place, dataset in fitting.places_of_datasets(experiment):
        problems = list(fitting.said(place, fitting.facts_of, dataset)) or [
            *fitting.said(place, dataset_source, dataset, {}),
            *fitting.split_sizes(place, dataset),
        ]
        yield from problems
        sound += [] if problems else [(place, dataset)]
    kept = [fitting.kept_images(dataset) for _, dataset in sound]
    for number, (place, dataset) in enumerate(sound):
        if (first := kept.index(kept[number])) != number:
            other = dataset_label(sound[first][1])
            yield f"{place}: {other!r} and {dataset_label(dataset)!r} are one dataset under two labels; leave one out"
    labels = [dataset_label(dataset) for dataset in datasets_of(experiment)]
    named = [("images.datasets", label) for label in experiment["images"].get("datasets", [])]
    named += [(f"models[{n}].dataset", model["dataset"]) for n, model in enumerate(experiment["models"]) if "dataset" in model]
    for place, label in named:
        if label not in labels:
            yield f"{place}: no dataset is called {label!r}. {near_matches(label, labels)}"


def recipes(experiment: Experiment) -> Iterator[str]:
    """Find recipes that models name and nobody wrote."""
    known = [recipe["name"] for recipe in experiment["training"]]
    for number, model in enumerate(experiment["models"]):
        if "training" in model and model["training"] not in known:
            training = model["training"]
            yield f"models[{number}].training: unknown recipe {training!r}. {near_matches(training, known)}"


def layers(experiment: Experiment) -> Iterator[str]:
    """Find layers that a model is told nothing of, or that are one layer of it under two labels."""
    problems = [*_of_nothing(experiment)]
    for model in experiment["models"]:
        labels: dict[LayerSetting, str] = {}
        for layer in experiment["layers"]:
            setting, label = layer_setting(layer, model), layer_label(layer)
            if setting is None and "by_model" in layer:
                problems.append(f"layers: {label!r} names no layer of model {model['name']!r}; add it to by_model")
            elif setting is None:
                problems.append(
                    f"layers: {label!r} names no layer of architecture {model['architecture']!r}; add it to by_architecture"
                )
            elif (other := labels.setdefault(setting, label)) != label:
                of = f"{setting.text!r} of architecture {model['architecture']!r}"
                problems.append(f"layers: {other!r} and {label!r} are both layer {of}; leave one out")
    yield from dict.fromkeys(problems)


def _of_nothing(experiment: Experiment) -> Iterator[str]:
    """Find layers that are named for architectures or models that the experiment does not have."""
    architectures = [model["architecture"] for model in experiment["models"]]
    known = {"by_architecture": architectures, "by_model": [model["name"] for model in experiment["models"]]}
    for layer in experiment["layers"]:
        for key in known.keys() & (() if isinstance(layer, str) else layer.keys()):
            twice = [name for name, count in Counter(map(canonical, layer[key])).items() if count > 1]
            yield from (f"layers: {layer_label(layer)!r} names layers of {name!r} twice; leave one out" for name in twice)
            for named in layer[key]:
                if named not in known[key] and canonical(named) not in known[key]:
                    near = near_matches(named, dict.fromkeys(known[key]))
                    yield f"layers: {layer_label(layer)!r} names a layer of {named!r}, of which there is no model. {near}"


def networks(experiment: Experiment) -> Iterator[str]:
    """Find networks of Python's own library, and arguments that are no plain values, or of which one is given twice."""
    for number, model in enumerate(experiment["models"]):
        yield from problems_of_address(model["architecture"], f"models[{number}].model")
        given = model.get("arguments", {})
        yield from problems_of_arguments(given, f"models[{number}].arguments")
        if "threat_model" in given and "threat_model" in model:
            yield f"models[{number}].threat_model: is one of the arguments, too; leave one out"


def code(experiment: Experiment) -> Iterator[str]:
    """Find networks whose code cannot be identified: a library that nobody knows, a Python file that is absent."""
    for number, model in enumerate(experiment["models"]):
        place = f"models[{number}].{key_of_architecture(model)}"
        yield from fitting.said(place, code_settings, architecture_settings(experiment, model), model)


def effects(experiment: Experiment) -> Iterator[str]:
    """Find settings that would have no effect where they stand."""
    from stir.training import TrainingRecipe

    for number, recipe in enumerate(experiment["training"]):
        if recipe["objective"] not in WITH_BETA and recipe["beta"] != TrainingRecipe.beta:
            yield f"training[{number}].beta: has no effect on objective {recipe['objective']!r}; leave it out"
    for place, dataset in fitting.places_of_datasets(experiment):
        if {"path", "format"} & set(dataset) == {"path"} and dataset_source(dataset_settings(dataset), {}) is None:
            yield f"{place}.path: {dataset['name']!r} comes with a package; leave path out"
    evaluated = attacks_of(experiment)
    for number, attack in enumerate(evaluated):
        if attack in evaluated[:number]:
            yield f"evaluation[{number}]: is the attack of evaluation[{evaluated.index(attack)}] again; leave one out"


def count_of_files(experiment: Experiment) -> Iterator[str]:
    """Find an experiment of more jobs than can be planned."""
    models = sum(len(model_names(model)) for model in experiment["models"])
    iris = len(experiment["layers"]) * len(experiment["inversion"]["random_seeds"])
    jobs = -(-iris // experiment["compute"]["inversions_per_job"])
    references, targets = models + len(experiment["references"]), models + count_untrained(experiment)
    files = models + targets + references * len(image_labels(experiment)) * (iris + jobs + targets + 2)
    if files > MOST_FILES:
        yield (
            f"models: expected an experiment of at most {MOST_FILES:,} files; got {files:,} from {models} models with {iris} "
            "sets of IRIs each. Take fewer models, layers or random seeds, or several experiments"
        )


SIZES: Sequence = (
    fitting.image_counts,
    fitting.training_counts,
    attacks.sizes,
    count_of_files,
    code,
    reference_entries.files,
    reference_entries.untrained_networks,
)
