"""Patterns of layers stand for those that they match in every model, none of them twice."""

import re

import pytest

from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.plan import Plan
from tests.experiment_files import QUICKSTART, edited

RESNET, VGG = "digits-resnet8-vanilla", "digits-vgg6-vanilla"


@pytest.fixture
def planned(quickstart, load):
    """Plan one ResNet and one VGG by layers."""

    def plan_with(layers, models=slice(2)):
        content = edited(
            quickstart, {"layers": layers, "models": quickstart["models"][models], "similarity_measures": ["rbf_cka"]}
        )
        experiment = load(content)
        check_meaning(experiment, QUICKSTART)
        return Plan("mine", experiment)

    return plan_with


def texts(plan, model=0):
    return [layer.text for layer in plan.models[model].layers]


def test_a_pattern_stands_for_its_layers_in_the_order_of_the_forward_pass(planned):
    plan = planned(["stage*", "penultimate"])
    assert texts(plan) == texts(plan, 2) == ["stage1", "stage2", "stage3", "penultimate"]
    assert [iri.recipe.settings["layer"] for iri in plan.references[0].iris[::2]] == texts(plan)


def test_a_pattern_has_the_keys_of_the_layers_that_it_stands_for(planned):
    assert set(planned(["stage*"]).paths()) == set(planned(["stage1", "stage2", "stage3"]).paths())


def test_all_layers_are_each_there_once(planned):
    found = texts(planned(["penultimate", "all"], slice(1)))
    assert found[0] == "penultimate"
    assert len(found) > 20
    assert not {"pooling", "pooling.1", "output"} & set(found), "they hand on what penultimate and classifier give"


def test_a_pattern_may_be_another_in_every_model_and_pooled(planned):
    layer = {"label": "blocks", "by_model": {RESNET: "stage?.0", VGG: "stage?"}, "pooling": "global_average"}
    plan = planned([layer])
    assert texts(plan)[1] == "stage2.0 (global_average)"
    assert texts(plan, 2)[1] == "stage2 (global_average)"
    assert plan.figure.recipe.settings["layers"] == ["blocks-0", "blocks-1", "blocks-2"]


REFUSED = [
    (["stag[e]9*"], r"layers\[0\]: model 'digits-resnet8-vanilla': No layer that can be read matches 'stag\[e\]9\*'"),
    (["stage1.*"], r"layers\[0\]: expected 'stage1\.\*' to stand for as many layers in every model; got .* Name them by_model"),
    (["stage?", "stage1"], None),
    (["stage3", "stage[3]"], r"layers\[1\]: 'stage\[3\]' matches no layer of model .* not named besides; leave it out"),
]


@pytest.mark.parametrize(("layers", "message"), REFUSED)
def test_patterns_that_stand_for_nothing_or_for_other_numbers_are_refused(quickstart, refusal, planned, layers, message):
    if message is None:
        assert texts(planned(layers)) == ["stage2", "stage3", "stage1"]
        return
    lines = refusal(edited(quickstart, {"layers": layers, "models": quickstart["models"][:2]}))
    assert any(re.search(f"^{message}", line) for line in lines), lines


def test_more_layers_than_an_experiment_may_have_are_refused(quickstart, refusal, monkeypatch):
    monkeypatch.setattr("stir_workflow.planning.patterns.MOST_LAYERS", 10)
    (line,) = refusal(edited(quickstart, {"layers": ["all"], "models": quickstart["models"][:1]}))
    assert re.match(r"layers: expected at most 10 layers; got \d+\. Take narrower patterns", line)
