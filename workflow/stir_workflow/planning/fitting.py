"""Sizes of an experiment that must fit each other, whatever they are called."""

from collections.abc import Iterator
from typing import Any

from stir.data import DatasetFacts, dataset_facts
from stir.errors import StirError
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import dataset_of
from stir_workflow.planning.settings import (
    Settings,
    dataset_label,
    dataset_settings,
    datasets_of,
    image_labels,
    n_scored,
)


def places_of_datasets(experiment: Experiment) -> Iterator[tuple[str, Settings]]:
    """Yield where the file tells of each dataset, and what it says."""
    for number, dataset in enumerate(datasets_of(experiment)):
        yield ("dataset" if number == 0 else f"further_datasets[{number - 1}]"), dataset


def n_test_of(dataset: Settings) -> int | None:
    """Return how many test images a dataset has; None if only its files know."""
    n_test = dataset.get("n_test", facts_of(dataset).n_test_default)
    return None if n_test is None else int(n_test)


def n_train_of(dataset: Settings) -> int | None:
    """Return how many training images a dataset has; None if only its files know."""
    facts = facts_of(dataset)
    apart = dataset.get("n_test") if facts.n_test_default is None else facts.n_test_default
    if facts.test_only:
        return 0
    return None if facts.images is None or apart is None else facts.images - int(apart)


def facts_of(dataset: Settings) -> DatasetFacts:
    """Return what is known of a dataset that an experiment describes."""
    return dataset_facts(dataset_settings(dataset))


def kept_images(dataset: Settings) -> dict[str, Any]:
    """Return what determines the images, without what says the same as nothing: all classes, all test images."""
    settings, facts = dataset_settings(dataset), facts_of(dataset)
    every_class = list(range(facts_of({**dataset, "classes": None}).classes))
    left_out = {
        key for key, same in {"classes": every_class, "n_test": facts.n_test_default}.items() if settings.get(key) == same
    }
    return {key: value for key, value in settings.items() if key not in left_out}


def split_sizes(place: str, dataset: Settings) -> Iterator[str]:
    """Find a dataset with fewer images than are to be held out."""
    name, facts, n_test = dataset["name"], facts_of(dataset), dataset.get("n_test")
    own = facts.n_test_default
    if n_test is None and own is None and facts.images is not None:
        yield f"{place}: the key 'n_test' is missing: {name!r} has no test images of its own"
    elif n_test is not None and own is not None and n_test > own:
        yield f"{place}.n_test: expected at most the {own} test images of {name!r}; got {n_test}"
    elif n_test is not None and own is None and facts.images is not None and n_test >= facts.images + facts.test_only:
        few = "at most" if facts.test_only else "fewer than"
        yield f"{place}.n_test: expected {few} the {facts.images} images of {name!r}; got {n_test}"


def image_counts(experiment: Experiment) -> Iterator[str]:
    """Find more images asked for than there are to invert, to watch or to train on."""
    n_images = experiment["images"]["n_images"]
    by_label = {dataset_label(dataset): (place, dataset) for place, dataset in places_of_datasets(experiment)}
    if n_scored(experiment) > n_images:
        yield f"images.n_scored: expected at most the {n_images} images that are inverted; got {n_scored(experiment)}"
    for label in image_labels(experiment):
        place, dataset = by_label[label]
        n_test, own = n_test_of(dataset), facts_of(dataset).n_test_default
        if n_test is not None and n_images > n_test:
            remedy = "take fewer" if n_test == own else f"take fewer, or raise {place}.n_test"
            yield f"images.n_images: expected at most the {n_test} test images of {label!r}; got {n_images}; {remedy}"


def training_counts(experiment: Experiment) -> Iterator[str]:
    """Find more images asked for than there are to train on, or to watch a training with."""
    recipes = {recipe["name"]: recipe for recipe in experiment["training"]}
    for number, model in enumerate(experiment["models"]):
        if "training" not in model:
            continue
        dataset, place = dataset_of(experiment, model), f"models[{number}]"
        label, n_train, n_test = dataset_label(dataset), n_train_of(dataset), n_test_of(dataset)
        if facts_of(dataset).classes == 1:
            yield f"{place}: {label!r} has one class, so there is nothing to learn; name another dataset, or take a checkpoint"
        elif n_train == 0:
            yield f"{place}: {label!r} has no training images; name another dataset, or take a checkpoint"
        elif n_train is not None and model.get("n_train", 0) > n_train:
            yield f"{place}.n_train: expected at most the {n_train} training images of {label!r}; got {model['n_train']}"
        watched = recipes[model["training"]].get("monitor", {}).get("n_images", 0)
        if n_test is not None and watched > n_test:
            recipe = f"recipe {model['training']!r} monitors {watched} images"
            yield f"{place}.training: {recipe}; expected at most the {n_test} test images of {label!r}"


def full_sets(experiment: Experiment) -> Experiment:
    """Return the experiment without ``n_train`` where that is all training images: such a model is trained on the same."""
    models = [
        {key: value for key, value in model.items() if key != "n_train" or value != n_train_of(dataset_of(experiment, model))}
        for model in experiment["models"]
    ]
    return {**experiment, "models": models}


def said(place: str, asked: Any, *arguments: Any, **settings: Any) -> Iterator[str]:
    """Say what a part of the library says of settings."""
    try:
        asked(*arguments, **settings)
    except StirError as error:
        yield f"{place}: {error}"
