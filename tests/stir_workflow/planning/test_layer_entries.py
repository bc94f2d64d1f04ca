"""Layers by model, with selectors, poolings and calls: what they are in recipes, in file names, and where they are refused."""

import re

import pytest

from stir.names import is_layer, is_name
from stir_workflow.planning.loading import ExperimentError
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.stages.layer_setting import LayerSetting
from tests.experiment_files import QUICKSTART, edited
from tests.stir_workflow.planning.test_plan import changed

MODELS = ("digits-resnet8-vanilla", "digits-vgg6-vanilla", "digits-resnet8-at", "digits-vgg6-at")


def by_model(first, *others, **more):
    """An entry of layers, of the first model and of the others."""
    return {"label": "mine", "by_model": dict(zip(MODELS, [first, *(others or [first] * 3)], strict=True)), **more}


def settings_of_iris(plan, reference=0):
    return [iri.recipe.settings for iri in plan.references[reference].iris[::2]]


class TestRecipes:
    PLAIN = (
        {"label": "mine", "layer": "stage3"},
        by_model("stage3"),
        by_model({"layer": "stage3", "pooling": "flatten"}),
        {"label": "mine", "by_architecture": {"stir:resnet8": "stage3", "vgg6": {"layer": "stage3"}}},
    )

    @pytest.mark.parametrize("layer", PLAIN, ids=str)
    def test_a_layer_that_is_only_named_has_the_artifacts_of_its_name(self, plan, layer):
        made = changed(plan(), plan({"layers": [layer, "penultimate"]}))
        assert not {"iri", "pair", "representation", "checkpoint", "evaluation"} & made.keys()

    def test_selector_and_pooling_are_in_recipes_where_they_are_not_the_default(self, plan):
        layer = by_model({"layer": "stage3", "pooling": "global_average"}, "stage2", "stage3", {"layer": "stage2", "select": 1})
        planned = plan({"layers": [layer, "penultimate"]})
        first, plain, selected = (settings_of_iris(planned, number)[0] for number in (0, 2, 6))
        assert (first["layer"], first["pooling"], "select" in first) == ("stage3", "global_average", False)
        assert (plain["layer"], plain.keys() & {"select", "pooling"}) == ("stage2", set())
        assert (selected["layer"], selected["select"], "pooling" in selected) == ("stage2", "[1]", False)
        parts = [part.recipe.settings for part in planned.references[0].representation.parts]
        assert parts[0]["layers"] == [{"layer": "stage3", "pooling": "global_average"}, "penultimate"]
        assert parts[6]["target_layers"] == [{"layer": "stage2", "select": "[1]"}, "penultimate"]
        assert planned.table.recipe.settings["models"][2]["layers"] == ["stage2", "penultimate"]

    def test_what_is_said_of_a_model_counts_more_than_what_is_said_for_all(self, plan):
        layer = by_model({"layer": "stage3", "pooling": "global_max"}, *["stage3"] * 3, pooling="global_average")
        poolings = [settings_of_iris(plan({"layers": [layer]}), number)[0]["pooling"] for number in (0, 2)]
        assert poolings == ["global_max", "global_average"]

    def test_one_layer_pooled_in_two_ways_is_two(self, plan):
        pooled = {"label": "pooled", "layer": "stage3", "pooling": "global_average"}
        planned = plan({"layers": ["stage3", pooled]})
        assert [settings.get("pooling") for settings in settings_of_iris(planned)] == [None, "global_average"]


class TestNames:
    TEXTS = ("layer2.0.relu:1", "encoder.layer.5[last_hidden_state] (token_mean)", "a[[0]]", f"{'a.' * 90}b (global_average)")

    @pytest.mark.parametrize("text", TEXTS)
    def test_files_are_named_by_the_grammar_of_names(self, text):
        layer, select, pooling = re.fullmatch(r"(.*?)(\[.*\])?(?: \((.*)\))?", text).groups()
        assert is_layer(layer)
        setting = LayerSetting(layer, select and select[1:-1], pooling or "flatten")
        assert is_name(setting.slug)

    def test_a_call_and_a_long_name_can_be_told_from_others(self):
        assert LayerSetting("layer2.0.relu:1").slug == "layer2.0.relu-call-1"
        assert LayerSetting("a.b", "[0]", "global_average").slug == "a.b-0-global_average"
        long = [LayerSetting("a." * 90 + ending) for ending in "bc"]
        assert len({setting.slug for setting in long}) == 2

    def test_no_file_of_a_plan_has_a_sign_of_a_layer_in_its_name(self, plan):
        layers = ["stage3.0.relu1:0", {"label": "x", "layer": "stage2", "select": "a[0]", "pooling": "global_average"}]
        planned = plan({"layers": layers})
        assert all(re.fullmatch(r"[A-Za-z0-9_/.-]+", path) for path in planned.by_path)
        assert any("/stage2-a-0-global_average." in path for path in planned.by_path)


REFUSED = [
    (
        by_model("stage3") | {"by_model": by_model("stage3")["by_model"] | {"nobody": "stage3"}},
        "'mine' names a layer of 'nobody'",
    ),
    (
        {"label": "x", "by_architecture": {"resnet8": "stage3", "stir:resnet8": "stage2", "vgg6": "stage3"}},
        "'x' names layers of 'resnet8' twice; leave one out",
    ),
    ({"label": "x", "by_model": {MODELS[0]: "stage3"}}, f"'x' names no layer of model '{MODELS[1]}'; add it to by_model"),
    ({"label": "x", "by_architecture": {"resnet8": "stage3"}}, "'x' names no layer of architecture 'vgg6'; add it to by_arch"),
]


@pytest.mark.parametrize(("layer", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_model_without_a_layer_is_refused(quickstart, load, layer, message):
    with pytest.raises(ExperimentError, match=f"layers: {message}"):
        load(edited(quickstart, {"layers": [layer]}))


IMPOSSIBLE = [
    (["stage9"], r"layer 'stage9': The model has no layer 'stage9'\. Did you mean 'stage"),
    (
        [{"label": "x", "layer": "stage3", "select": "logits"}],
        "layer 'x': Layer 'stage3' gives one tensor, so there is nothing to",
    ),
    ([{"label": "x", "layer": "stage3", "pooling": "token_mean"}], "'x': Expected layer 'stage3' to give .*tokens.* for pooling"),
    (
        [{"label": "x", "layer": "stage3", "pooling": "adaptive_average_9x9"}],
        "'x': Expected layer 'stage3' .* Use a smaller grid",
    ),
    ([{"label": "x", "layer": "stage3", "pooling": "random_projection_500"}], "'x': Expected layer 'stage3' .* no more features"),
    (
        [{"label": "x", "layer": "stage3", "pooling": "globl_average"}],
        "Unknown pooling 'globl_average'. Did you mean 'global_ave",
    ),
    ([{"label": "x", "layer": "penultimate", "select": 0}], "'x': The penultimate layer is one tensor; got select"),
]


@pytest.mark.parametrize(("layers", "message"), IMPOSSIBLE, ids=[message[:40] for _, message in IMPOSSIBLE])
def test_what_a_layer_cannot_give_is_refused_before_anything_is_trained(quickstart, refusal, layers, message):
    lines = refusal(
        edited(quickstart, {"layers": layers, "models": quickstart["models"][:1], "similarity_measures": ["rbf_cka"]})
    )
    assert any(re.search(f"^layers: .*{message}", line) for line in lines), lines


def test_a_pooling_narrows_a_layer_for_measures_that_take_few_features(quickstart, load, refusal):
    wide = edited(quickstart, {"similarity_measures": ["mean_cca"], "images.n_images": 100})
    pooled = {"label": "x", "layer": "stage3", "pooling": "global_average"}
    assert any("twice the 128 features of layer 'stage3'" in line for line in refusal(edited(wide, {"layers": ["stage3"]})))
    check_meaning(load(edited(wide, {"layers": [pooled]})), QUICKSTART)


def test_two_poolings_of_one_layer_are_not_one_and_the_same(quickstart, load):
    poolings = ("global_average", "global_max", "adaptive_average_2x1", "random_projection_5")
    layers = ["stage3", *({"label": f"x{n}", "layer": "stage3", "pooling": pooling} for n, pooling in enumerate(poolings))]
    check_meaning(load(edited(quickstart, {"layers": layers, "similarity_measures": ["rbf_cka"]})), QUICKSTART)
