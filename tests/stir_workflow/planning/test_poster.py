"""The poster's six experiments: each can be run at both scales, and what they share is made once."""

from collections import Counter
from itertools import chain

import pytest

from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reading import find_experiment, read_experiment

SIX = ("random_init", "losses_architectures", "training_datasets", "random_init_layers", "defences", "more_data")
DISTINCT = {"small": {"checkpoint": 30, "iri": 228}, "full": {"checkpoint": 31, "iri": 234}}
"""Artifacts of all six; without sharing there would be 44 and 258, or 50 and 300. Of the checkpoints 6 and 5 are untrained."""


@pytest.fixture(scope="module")
def plans():
    """(experiment, scale) -> plan."""
    files = {name: read_experiment(find_experiment(name)) for name in SIX}
    return {
        (name, scale): Plan(file.name(scale), load_experiment(file.path, scale))
        for name, file in files.items()
        for scale in DISTINCT
    }


@pytest.mark.parametrize("scale", DISTINCT)
@pytest.mark.parametrize("name", SIX)
def test_it_can_be_run(name, scale):
    path = find_experiment(name)
    experiment = load_experiment(path, scale)
    check_meaning(experiment, path, scale=scale)
    assert experiment["statements"] == [name]


@pytest.mark.parametrize("scale", DISTINCT)
def test_what_experiments_share_is_made_once(plans, scale):
    of_scale = [plan for (_, other), plan in plans.items() if other == scale]
    stages = {path: artifact.recipe.stage for plan in of_scale for path, artifact in plan.by_path.items()}
    counts = Counter(stages.values())
    assert {stage: counts[stage] for stage in DISTINCT[scale]} == DISTINCT[scale]
    apart = {stage: sum(len(plan.stage_paths(stage)) for plan in of_scale) for stage in DISTINCT[scale]}
    print(f"\n{scale}: {dict(counts)}; without sharing {apart}")
    assert all(apart[stage] > counts[stage] for stage in apart)


@pytest.mark.parametrize("scale", DISTINCT)
def test_one_model_has_one_checkpoint_and_the_same_iris_in_every_experiment(plans, scale):
    """Whatever else the experiments ask: other attacks, more layers, other figures."""
    first = {model.slug: model.checkpoint.path for model in plans["random_init", scale].models}
    for name in ("random_init_layers", "losses_architectures", "defences", "more_data"):
        shared = [model for model in plans[name, scale].models if model.slug in first]
        assert shared, name
        assert all(model.checkpoint.path == first[model.slug] for model in shared)
        penultimate = {path for path in plans[name, scale].stage_paths("iri") if "/penultimate." in path}
        own = {path for path in plans["random_init", scale].stage_paths("iri") if path.split("/")[2] in {m.slug for m in shared}}
        assert own <= penultimate, name


def test_tables_of_two_experiments_or_scales_are_apart(plans):
    paths = list(chain.from_iterable(plan.stage_paths("table") + plan.stage_paths("publication") for plan in plans.values()))
    assert len(set(paths)) == 2 * len(plans)
    assert {plan.name for plan in plans.values()} == {*SIX, *(f"{name}-full" for name in SIX)}


@pytest.mark.parametrize("name", SIX)
def test_scales_differ_in_every_checkpoint(plans, name):
    small, full = (set(plans[name, scale].stage_paths("checkpoint")) for scale in DISTINCT)
    assert not small & full


def test_small_scale_says_so_in_the_names_of_models(plans):
    """Whoever reads the table sees that AT was of one step, and that halves of the classes stand for datasets."""
    for name in SIX:
        for model in plans[name, "small"].models:
            assert (model.objective == "vanilla") != ("-1step" in model.name)
    assert {model.dataset for model in plans["training_datasets", "small"].models} == {"classes-0-4", "classes-5-9"}


def test_full_scale_is_the_papers():
    for name in SIX:
        experiment = load_experiment(find_experiment(name), "full")
        assert experiment["dataset"]["name"] == "cifar10"
        assert (experiment["width"], experiment["images"]["n_images"], experiment["inversion"]["tolerance"]) == (64, 1000, 0.1)
        for recipe in experiment["training"]:
            how = [recipe[key] for key in ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "schedule")]
            assert how == [150, 128, 0.1, 0.9, 0.0005, "step"]
            assert recipe["augmentation"] == "crop_flip"
            if recipe["objective"] != "vanilla":
                assert [recipe["attack"][key] for key in ("norm", "eps", "steps")] == ["l2", 1.0, 7]
