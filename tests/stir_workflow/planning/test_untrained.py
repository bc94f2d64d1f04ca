"""Every architecture has one untrained network, a target of every reference that is nothing else."""

import json

import pytest

from stir_workflow.stages import representation
from tests.experiment_files import edited
from tests.stir_workflow.planning.test_plan import changed, job_of

TAKEN = {"name": "taken", "architecture": "resnet8", "width": 8, "checkpoint": "here.pt", "sha256": "a" * 64}
OWN = {"name": "own", "architecture": "resnet8", "width": 8, "weights": "random", "random_seed": 0}


def untrained_of(planned):
    """Return name of a model -> its untrained network's target, as the scores are told."""
    (said,) = {json.dumps(reference.score.recipe.settings["untrained"]) for reference in planned.references}
    targets = {target.index: target for target in planned.targets}
    return {
        model.name: targets[json.loads(said)[model.checkpoint.key]].model
        for model in planned.models
        if model.checkpoint.key in json.loads(said)
    }


def models(plan, *entries, **changes):
    return plan({"models": list(entries)} | changes)


def test_models_of_one_architecture_share_the_network_that_they_were_before_training(plan):
    planned = plan()
    found = untrained_of(planned)
    assert list(found) == [model.name for model in planned.models]
    assert len({model.checkpoint.key for model in found.values()}) == 2
    for model in planned.models:
        before, after = (made.checkpoint.recipe for made in (found[model.name], model))
        assert (before.settings["architecture"], before.inputs) == (after.settings["architecture"], after.inputs)
        assert before.settings.keys() == {"architecture", "threads", "random_seed"}
        assert before.settings["random_seed"] == 0


def test_it_is_a_target_of_every_reference_and_nothing_else(plan):
    planned = plan()
    keys = {model.checkpoint.key for model in untrained_of(planned).values()}
    for reference in planned.references:
        jobs = representation.parts_of(job_of(reference.representation))
        assert list(jobs) == [target.index for target in planned.targets]
        assert keys < set(jobs)
    used = {stage for made in planned.by_path.values() for stage in [made.recipe.stage] if keys & keys_in(made.recipe.inputs)}
    assert used == {"pair", "representation"}
    assert not keys & {row["checkpoint"] for row in planned.table.recipe.settings["models"]}
    assert not any(key in planned.figure.settings for key in keys)


def keys_in(inputs):
    return {key for value in inputs.values() for key in (value if isinstance(value, list) else [value])}


def test_few_training_images_are_no_reason_for_another(plan, quickstart):
    fewer = edited(quickstart, {"models.0.n_train": 100})
    assert changed(plan(), plan(content=fewer))["checkpoint"] == 2


def test_a_model_that_is_the_untrained_network_is_planned_once(plan):
    planned = models(plan, TAKEN, OWN, OWN | {"name": "other", "random_seed": 1})
    own = planned.models[1]
    assert [target.model for target in planned.targets] == planned.models
    assert untrained_of(planned) == dict.fromkeys(["taken", "own", "other"], own)


def test_layers_are_those_of_the_model_whose_floor_it_is(plan):
    layers = [{"label": "late", "by_model": {"taken": "stage2", "again": "stage3", "own": "penultimate"}}]
    planned = models(plan, TAKEN, TAKEN | {"name": "again", "sha256": "b" * 64}, OWN, layers=layers)
    found = untrained_of(planned)
    assert {name: [layer.text for layer in model.layers] for name, model in found.items()} == {
        "taken": ["stage2"],
        "again": ["stage3"],
        "own": ["penultimate"],
    }
    assert len({model.checkpoint.key for model in found.values()}) == 1
    assert len({target.index for target in planned.targets}) == len(planned.targets) == 5
    for reference in planned.references:
        jobs = representation.parts_of(job_of(reference.representation))
        assert [str(job.output) for job in jobs.values()] == [part.path for part in reference.representation.parts]
        assert len({job.output for job in jobs.values()}) == 5


@pytest.mark.parametrize(
    "change",
    [{"model": "torchvision:resnet18", "weights": "IMAGENET1K_V1"}, {"model": "timm:resnet10t", "normalisation": "imagenet"}],
    ids=str,
)
def test_preprocessing_is_that_of_the_model(plan, change):
    """Weights are named, since their library states a normalisation and a size with them; none are loaded."""
    pytest.importorskip("timm")
    photographs = {"dataset": {"name": "photographs", "n_test": 66}, "images.n_images": 66, "layers": ["penultimate"]}
    planned = models(plan, {"name": "taken"} | change, **photographs)
    (model,), (before,) = planned.models, untrained_of(planned).values()
    assert before.checkpoint.recipe.settings == model.checkpoint.recipe.settings | {"random_seed": 0}
    assert before.checkpoint.inputs == {}


def test_a_network_that_may_have_weights_of_its_own_has_none(plan, tmp_path):
    (tmp_path / "mine.py").write_text("from torch import nn\nmake = nn.Identity\n", encoding="utf-8")
    entry = {"name": "mine", "model": "mine.py:make", "checkpoint": "x.pt", "sha256": "a" * 64}
    of_a_module = entry | {"name": "called", "model": "torchvision.models.resnet:resnet18"}
    planned = models(plan, entry, of_a_module, TAKEN, layers=["penultimate"])
    assert list(untrained_of(planned)) == ["taken"]
    assert len(planned.targets) == 4
