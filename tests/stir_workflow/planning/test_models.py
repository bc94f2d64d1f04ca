"""Models trained on several datasets, and images of each: everything is of the dataset that it should be of."""

import pytest

from stir_workflow.planning.loading import ExperimentError
from stir_workflow.planning.plan import Plan
from tests.experiment_files import edited
from tests.stir_workflow.planning.test_plan import changed

HALF = {"label": "half", "name": "digits", "n_test": 300, "classes": [0, 1, 2, 3, 4]}


@pytest.fixture
def several(quickstart):
    """The quickstart with a second dataset, on which one more model is trained; X comes from both."""
    more = quickstart["models"][0] | {"name": "of-half", "dataset": "half", "training_seeds": [0]}
    images = {"n_images": 300, "datasets": ["digits", "half"]}
    return quickstart | {"further_datasets": [HALF], "images": images, "models": [*quickstart["models"], more]}


class TestSeveralDatasets:
    def test_a_model_is_of_the_classes_that_it_is_trained_on_and_evaluated_on(self, plan, several):
        planned = plan(content=several)
        of_half = planned.models[-1]
        assert of_half.checkpoint.recipe.settings["architecture"]["classes"] == 5
        assert of_half.checkpoint.inputs["dataset"] == [planned.datasets["half"].path]
        assert {model.checkpoint.recipe.settings["architecture"]["classes"] for model in planned.models[:-1]} == {10}
        for model, evaluation in zip(planned.models, planned.evaluations, strict=True):
            assert evaluation.inputs == {"checkpoint": [model.checkpoint.path], "dataset": [planned.datasets[model.dataset].path]}

    def test_every_model_is_the_reference_on_the_images_of_each(self, plan, several):
        planned = plan(content=several)
        assert [reference.images for reference in planned.references] == ["digits"] * 9 + ["half"] * 9
        untrained = 3  # resnet8 for ten classes and for five, vgg6 for ten
        iris, pairs = 2 * 9 * (4 + 1), 2 * 9 * (9 + untrained + 1)  # each with an index
        assert len(planned.by_path) == 2 + 9 + untrained + 9 + iris + pairs + 18 + 4
        for reference in planned.references:
            dataset = [planned.datasets[reference.images].path]
            assert all(made.inputs["dataset"] == dataset for made in [*reference.iris, *reference.representation.parts])
        assert planned.table.recipe.settings["images_datasets"] == [reference.images for reference in planned.references]
        assert planned.table.inputs["scores"] == [reference.score.path for reference in planned.references]
        assert planned.figure.inputs["datasets"] == [planned.datasets[label].path for label in ("digits", "half")]

    def test_tables_say_what_each_model_is_trained_on(self, plan, several):
        rows = {row["name"]: row for row in plan(content=several).table.recipe.settings["models"]}
        assert (rows["of-half-0"]["training_dataset"], rows["digits-vgg6-at-0"]["training_dataset"]) == ("half", "digits")
        assert rows["of-half-0"]["n_train"] is None
        assert rows["of-half-0"]["width"] == 8

    def test_what_needs_one_of_them_is_as_if_there_were_no_other(self, plan, several):
        more = changed(plan(content=several), plan())
        assert more == {"representation": 8, "score": 8, "table": 1, "figure": 1, "report": 1, "publication": 1}

    def test_neither_where_it_lies_nor_what_it_is_called_reaches_a_key(self, plan, several):
        other = edited(several, {"further_datasets.0.label": "other", "further_datasets.0.path": "elsewhere"})
        other = edited(other, {"images.datasets": ["digits", "other"], "models.4.dataset": "other"})
        assert changed(plan(content=several), plan(content=other)) == {"table": 1, "figure": 1, "report": 1, "publication": 1}
        assert plan(content=other).datasets["other"].source.endswith("/elsewhere")

    def test_a_variable_of_the_environment_says_where_it_lies(self, quickstart, load):
        content = load(edited(quickstart, {"dataset": {"name": "cifar10_jpeg"}}))
        plans = [Plan("mine", content, {"STIR_CIFAR10_JPEG": place}) for place in ("here", "there")]
        assert [planned.datasets["cifar10_jpeg"].source for planned in plans] == ["here", "there"]
        assert plans[0].paths() == plans[1].paths()

    def test_names_of_files_tell_datasets_apart(self, plan, several):
        planned = plan(content=several)
        assert planned.datasets["half"].path.startswith("data/datasets/digits-classes-0-4-")
        assert planned.models[-1].slug == "digits-classes-0-4-resnet8-vanilla-0"
        of_digits, of_half = (planned.references[number].iris[0].path for number in (8, 17))
        assert "normal_noise.digits.0-" in of_digits
        assert "normal_noise.0-" in of_half


class TestFewTrainingImages:
    def test_a_model_may_see_its_images_more_often_than_its_recipe_says(self, plan, quickstart):
        other = edited(quickstart, {"models.0.epochs": 40, "models.0.n_train": 100})
        planned = plan(content=other)
        of = {model.name: model.checkpoint.recipe.settings for model in planned.models}
        assert of["digits-resnet8-vanilla-0"]["training"]["epochs"] == 40
        assert of["digits-resnet8-vanilla-0"]["n_train"] == 100
        assert of["digits-vgg6-vanilla-0"]["training"]["epochs"] == 20

    def test_a_checkpoint_that_is_taken_has_none(self, quickstart, load):
        taken = {"name": "taken", "architecture": "vgg6", "checkpoint": "x.pt", "sha256": "0" * 64, "epochs": 3}
        with pytest.raises(ExperimentError, match=r"models\[0\]: expected weights from one place .* epochs with training"):
            load(edited(quickstart, {"models.0": taken}))
