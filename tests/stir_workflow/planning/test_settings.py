"""Settings of an experiment that enter keys, and their defaults."""

import pytest

from tests.stir_workflow.planning.test_plan import AT, changed


class TestLaterSettings:
    """What came later than the first results changes no key where it says what was meant before."""

    def test_values_that_were_meant_before_are_left_out(self, plan):
        meant = {"schedule": "one_cycle", "precision": "float32", "augmentation": "none", "beta": 3.0}
        changes = {f"training.{number}.{key}": value for number in (0, 1) for key, value in meant.items()}
        changes |= {"training.1.attack.random_start": False, "evaluation.random_start": False, "width": 4}
        assert changed(plan(), plan(changes)) == {}
        recipes = [model.checkpoint.recipe.settings["training"] for model in plan(changes).models]
        assert all(not {*meant, "name"} & recipe.keys() for recipe in recipes)

    OTHERS = (
        ("schedule", "step"),
        ("precision", "bfloat16"),
        ("augmentation", "flip"),
        ("monitor", {"n_images": 10, "attack": {"norm": "l2", "eps": 1.0, "steps": 1, "step_size": 1.0}}),
    )

    @pytest.mark.parametrize(("key", "value"), OTHERS)
    def test_other_values_are_other_models(self, plan, key, value):
        assert changed(plan(), plan({f"training.1.{key}": value})) == AT

    def test_a_random_start_is_another_attack(self, plan):
        assert changed(plan(), plan({"training.1.attack.random_start": True})) == AT
        assert changed(plan(), plan({"evaluation.random_start": True}))["evaluation"] == 8

    def test_beta_is_a_setting_of_trades_and_mart(self, plan):
        for objective in ("trades", "mart"):
            before, after = (plan({"training.1.objective": objective, "training.1.beta": beta}) for beta in (5.0, 6.0))
            assert changed(before, after)["checkpoint"] == 4


def test_fewer_training_images_are_another_model(plan):
    fewer = plan({"models.0.n_train": 500})
    assert changed(plan(), fewer)["checkpoint"] == 2
    assert fewer.models[0].checkpoint.recipe.settings["n_train"] == 500
    assert fewer.models[0].slug == "digits-first-500-resnet8-vanilla-0"
    assert "n_train" not in fewer.models[2].checkpoint.recipe.settings
    assert fewer.table.recipe.settings["models"][0]["n_train"] == 500


def test_the_experiments_width_is_that_of_models_that_say_nothing_else(plan, quickstart):
    models = [{key: value for key, value in model.items() if key != "width"} for model in quickstart["models"]]
    assert changed(plan(), plan({"models": models, "width": 8})) == {}
    torchvision = plan({"models": [models[0] | {"architecture": "torchvision.resnet18"}], "width": 8})
    assert torchvision.models[0].checkpoint.recipe.settings["architecture"]["width"] is None


def test_what_torchvisions_architectures_are_called_is_known_to_the_plan():
    from stir.models.architecture import BARE
    from stir_workflow.planning.settings import TORCHVISION

    assert TORCHVISION == BARE


class TestSeveralAttacks:
    def test_every_model_is_evaluated_with_each_in_one_job(self, plan, quickstart):
        first, other = quickstart["evaluation"], quickstart["evaluation"] | {"eps": 2.0}
        planned = plan({"evaluation": [first, other]})
        assert changed(plan(), planned) == {"evaluation": 8, "table": 1, "figure": 1, "report": 1, "publication": 1}
        assert planned.table.inputs["evaluations"] == [made.path for made in planned.evaluations]
        eps = [attack["eps"] for attack in planned.evaluations[0].recipe.settings["attacks"]]
        assert eps == [1.0, 2.0]
        assert changed(plan(), plan({"evaluation": [first]})) == {}


EARLY = {"label": "early", "by_architecture": {"resnet8": "stage1", "vgg6": "stage2"}}


class TestLayersByArchitecture:
    def test_iris_and_representations_are_of_each_models_own_layer(self, plan):
        planned = plan({"layers": [EARLY, "penultimate"]})
        residual, vgg = planned.references[0], planned.references[2]
        assert [iri.recipe.settings["layer"] for iri in residual.iris] == ["stage1", "stage1", "penultimate", "penultimate"]
        assert [iri.recipe.settings["layer"] for iri in vgg.iris][:2] == ["stage2", "stage2"]
        same, other = residual.representation.parts[0].recipe.settings, residual.representation.parts[2].recipe.settings
        assert (same["layers"], same.get("target_layers")) == (["stage1", "penultimate"], None)
        assert (other["layers"], other["target_layers"]) == (["stage1", "penultimate"], ["stage2", "penultimate"])

    def test_figures_call_it_by_its_label(self, plan):
        settings = plan({"layers": [EARLY, "penultimate"]}).figure.recipe.settings
        assert settings["layers"] == ["early", "penultimate"]
        assert {iri["layer"] for iri in settings["iris"]} == {"early", "penultimate"}

    def test_one_name_everywhere_is_as_if_given_as_a_name(self, plan):
        everywhere = {"label": "last", "by_architecture": {"resnet8": "stage3", "vgg6": "stage3"}}
        assert changed(plan(), plan({"layers": [everywhere, "penultimate"]})) == {"figure": 1, "report": 1, "publication": 1}
