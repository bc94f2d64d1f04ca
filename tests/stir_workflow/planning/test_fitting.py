"""Images, classes, layers and sizes that do not fit each other are refused before any job starts."""

import re

import pytest

from stir_workflow.planning.fitting import n_test_of, n_train_of
from stir_workflow.planning.meaning import check_meaning
from tests.experiment_files import QUICKSTART, edited, without

HALF = {"label": "half", "name": "digits", "n_test": 300, "classes": [0, 1, 2, 3, 4]}
COLOUR = {"label": "photographs", "name": "cifar10_jpeg"}
OWN = {"label": "scans", "name": "scans", "format": "folder", "path": "scans", "fingerprint": "0" * 64, "n_classes": 7}


@pytest.fixture
def refused(quickstart, refusal):
    """Refuse the quickstart with changes, for one reason."""

    def reason_of(changes, pattern):
        lines = refusal(edited(quickstart, changes))
        assert any(re.search(pattern, line) for line in lines), lines

    return reason_of


class TestImages:
    def test_of_other_size_and_channels_than_a_model_takes_are_refused(self, refused):
        changes = {"further_datasets": [COLOUR], "images.datasets": ["digits", "photographs"]}
        refused(changes, r"models\[0\]: .* takes images of \(1, 8, 8\).*'digits'; .*'photographs' of \(3, 32, 32\)")

    def test_of_other_size_are_refused(self, refused):
        scans = OWN | {"image_shape": [1, 8, 9]}
        refused({"further_datasets": [scans], "images.datasets": ["scans"]}, r"'scans' of \(1, 8, 9\)")

    def test_of_another_dataset_are_accepted_if_they_fit(self, quickstart, load):
        scans = OWN | {"image_shape": [1, 8, 8]}
        check_meaning(
            load(edited(quickstart, {"further_datasets": [HALF, scans], "images.datasets": ["digits", "half", "scans"]})),
            QUICKSTART,
        )

    def test_a_model_of_another_dataset_takes_that_ones(self, refused, quickstart):
        models = [*quickstart["models"], quickstart["models"][0] | {"name": "x", "dataset": "photographs"}]
        refused({"further_datasets": [COLOUR], "models": models}, r"models\[4\]: 'x' takes images of \(3, 32, 32\)")

    def test_of_one_channel_are_refused_for_networks_of_torchvision(self, refused, quickstart):
        models = [{**quickstart["models"][0], "architecture": "torchvision.resnet18"}]
        del models[0]["width"]
        refused({"models": models}, r"models\[0\]\.architecture: Expected images of 3 channels .*'torchvision.resnet18'; got 1")

    def test_too_small_for_an_architecture_are_refused(self, refused, quickstart):
        models = [quickstart["models"][0] | {"architecture": "vgg19"}]
        refused({"models": models}, r"models\[0\]\.architecture: Expected images that architecture 'vgg19' takes.*8 x 8")

    @pytest.mark.parametrize(
        ("changes", "pattern"),
        [
            ({"images.datasets": ["digit"]}, r"images\.datasets: no dataset is called 'digit'. Did you mean 'digits'"),
            (
                {"models.1.dataset": "halves", "further_datasets": [HALF]},
                r"models\[1\]\.dataset: .*'halves'. Did you mean 'half'",
            ),
            ({"further_datasets": [HALF, HALF | {"n_test": 200}]}, "further_datasets: 2 datasets are named 'half'"),
            ({"further_datasets": [{"name": "digits", "n_test": 3}]}, "2 datasets are named 'digits'; give each a label"),
            ({"further_datasets": [{"name": "cifar1000"}]}, r"further_datasets\[0\]: Unknown dataset 'cifar1000'. Did you"),
            ({"further_datasets": [HALF | {"classes": [9, 10]}]}, r"further_datasets\[0\]: Expected classes"),
            ({"further_datasets": [HALF], "images.datasets": ["half"], "images.n_images": 301}, "the 300 test images of 'half'"),
            (
                {"further_datasets": [COLOUR | {"n_test": 10_001}]},
                r"further_datasets\[0\]\.n_test: expected at most the 10000 test",
            ),
        ],
    )
    def test_labels_and_sizes_that_no_dataset_has_are_refused(self, refused, changes, pattern):
        refused(changes, pattern)

    def test_a_dataset_without_test_images_needs_their_number(self, quickstart, refusal):
        (line,) = refusal(without(quickstart, "dataset.n_test"))
        assert line == "dataset: the key 'n_test' is missing: 'digits' has no test images of its own"


class TestTrainingImages:
    def test_more_than_there_are_are_refused(self, refused, quickstart, load):
        refused(
            {"models.1.n_train": 1398}, r"models\[1\]\.n_train: expected at most the 1397 training images of 'digits'; got 1398"
        )
        check_meaning(load(edited(quickstart, {"models.1.n_train": 1397})), QUICKSTART)

    def test_of_some_classes_are_fewer(self, refused):
        assert n_train_of(HALF) == 901 - 300
        refused({"models.1.n_train": 602, "models.1.dataset": "half", "further_datasets": [HALF]}, "the 601 training images")

    def test_a_dataset_with_test_images_of_its_own_trains_on_all_others(self):
        assert [n_train_of(COLOUR | more) for more in ({}, {"n_test": 10})] == [50_000, 50_000]
        assert [n_test_of(COLOUR | more) for more in ({}, {"n_test": 10})] == [10_000, 10]
        assert n_train_of(OWN | {"image_shape": [1, 8, 8], "n_test": 10}) is None

    def test_a_dataset_without_any_is_refused(self, refused):
        changes = {"dataset": {"name": "imagenet", "n_test": 1000}}
        refused(changes, r"models\[0\]: 'imagenet' has no training images")

    def test_of_one_class_nothing_is_learnt(self, refused):
        one = OWN | {"label": "one", "image_shape": [1, 8, 8], "n_classes": 1, "n_test": 10, "fingerprint": "0" * 64}
        refused({"models.1.dataset": "one", "further_datasets": [one]}, r"models\[1\]: 'one' has one class")

    def test_monitored_images_are_test_images(self, refused, quickstart):
        monitor = {"n_images": 401, "attack": quickstart["evaluation"]}
        refused({"training.0.monitor": monitor}, r"models\[0\]\.training: recipe 'vanilla' monitors 401 images; .* 400 test")


class TestLayers:
    def test_that_one_of_the_architectures_lacks_are_refused(self, refused, quickstart):
        models = edited(quickstart, {"models.1.architecture": "vgg16", "models.0.architecture": "resnet18"})["models"][:2]
        models = [model | {"dataset": "photographs"} for model in models]
        changes = {"further_datasets": [COLOUR], "images.datasets": ["photographs"], "models": models, "layers": ["stage5"]}
        refused(changes, "layers: architecture 'resnet18', layer 'stage5': The model has no layer 'stage5'. Did you mean")

    @pytest.mark.parametrize(
        ("by_architecture", "pattern"),
        [
            ({"resnet8": "stage1"}, "'early' names no layer of architecture 'vgg6'; add it to by_architecture"),
            ({"resnet8": "stage1", "vgg6": "stge2"}, "The model has no layer 'stge2'. Did you mean 'stage2'"),
            ({"resnet8": "stage1", "vgg6": "stage2", "vgg7": "x"}, "names a layer of 'vgg7', of which there is no model.*'vgg6'"),
        ],
    )
    def test_by_architecture_are_checked_for_each(self, refused, by_architecture, pattern):
        refused({"layers": [{"label": "early", "by_architecture": by_architecture}]}, pattern)

    def test_by_architecture_are_accepted(self, quickstart, load):
        layer = {"label": "early", "by_architecture": {"resnet8": "stage1", "vgg6": "stage2"}}
        check_meaning(load(edited(quickstart, {"layers": [layer, "penultimate"]})), QUICKSTART)


class TestAttacks:
    def test_a_further_one_is_named_by_its_number(self, refused, quickstart):
        attack = quickstart["evaluation"]
        refused({"evaluation": [attack, attack | {"norm": "l3"}]}, r"evaluation\[1\]: Unknown norm 'l3'")

    def test_trades_begins_at_random(self, refused):
        refused({"training.1.objective": "trades"}, r"training\[1\]: Expected random_start: true")
