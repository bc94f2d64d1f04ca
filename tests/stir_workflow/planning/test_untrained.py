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


class TestReferences:
    """An untrained network as reference, with inversions of its own."""

    def test_its_iris_are_those_of_the_untrained_network_at_the_layers_of_the_model(self, plan):
        layers = [{"label": "late", "by_model": {"taken": "stage2", "again": "stage3"}}]
        entries = TAKEN, TAKEN | {"name": "again", "sha256": "b" * 64}
        planned = models(plan, *entries, layers=layers, references=[{"name": "floor", "untrained": "again"}])
        reference, network = planned.references[-1], untrained_of(planned)["again"]
        assert (reference.model.name, len(reference.iris)) == ("floor", 2)
        for iri in reference.iris:
            assert (iri.inputs["checkpoint"], iri.recipe.settings["layer"]) == ([network.checkpoint.path], "stage3")
        assert planned.table.recipe.settings["references"] == [
            {"name": "floor", "checkpoint": network.checkpoint.key, "layers": ["stage3"], "random_seeds": [0, 1]}
        ]

    def test_the_index_has_it_under_its_own_key_at_its_own_layers(self, plan):
        """Its ceiling is read there, whatever other layers the network is read at as a floor."""
        layers = [{"label": "late", "by_model": {"taken": "stage2", "again": "stage3"}}]
        entries = TAKEN, TAKEN | {"name": "again", "sha256": "b" * 64}
        planned = models(plan, *entries, layers=layers, references=[{"name": "floor", "untrained": "again"}])
        reference = planned.references[-1]
        job = representation.parts_of(job_of(reference.representation))[reference.row()["checkpoint"]]
        assert job.settings["layers"] == job.settings.get("target_layers", ["stage3"]) == ["stage3"]

    def test_it_adds_its_inversions_and_no_network(self, plan):
        made = changed(plan(), plan({"references": [{"name": "floor", "untrained": "digits-vgg6-at-0"}]}))
        assert made == {
            "inversion": 1,
            "iri": 4,
            "pair": 10,
            "representation": 1,
            "score": 1,
            "table": 1,
            "figure": 1,
            "report": 1,
            "publication": 1,
        }

    def test_one_that_is_a_reference_already_is_refused(self, quickstart, refusal):
        twice = [{"name": name, "untrained": f"digits-vgg6-{name}-0"} for name in ("vanilla", "at")]
        assert refusal(edited(quickstart, {"references": twice})) == [
            "models: 'vanilla' and 'at' have the same settings, so they are one model; leave one out"
        ]

    def test_one_of_a_network_that_may_have_weights_is_refused(self, quickstart, refusal):
        entry = {"name": "called", "model": "torchvision.models.resnet:ResNet", "checkpoint": "x.pt", "sha256": "a" * 64}
        content = edited(quickstart, {"models": [entry], "references": [{"name": "floor", "untrained": "called"}]})
        (line,) = refusal(content)
        assert line.startswith("references[0].untrained: Expected a model whose network can be had without weights; got 'called'")
