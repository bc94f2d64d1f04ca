"""What one part of an experiment calls another is there, and there once, before anything is planned."""

import re

import pytest

from stir_workflow.planning import references
from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.meaning import check_meaning
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.start import start
from tests.experiment_files import QUICKSTART, TINY, edited, write_yaml

BROKEN = [
    ({"models.0.training": "vanila"}, r"models\[0\]\.training: unknown recipe 'vanila'\. Did you mean 'vanilla'"),
    ({"models.0.dataset": "digit"}, r"models\[0\]\.dataset: no dataset is called 'digit'\. Did you mean 'digits'"),
    ({"images.datasets": ["digit"]}, r"images\.datasets: no dataset is called 'digit'"),
    ({"training.1.name": "vanilla"}, "training: 2 recipes are named 'vanilla'; give each a name of its own"),
    ({"training.1.name": "vanilla", "models.2.training": "vanilla"}, "training: 2 recipes are named 'vanilla'"),
    ({"models.1.name": "digits-resnet8-vanilla"}, "models: 2 models are named 'digits-resnet8-vanilla-0'"),
    ({"dataset.name": "digitz"}, "dataset: Unknown dataset 'digitz'"),
    ({"dataset": {"name": "x", "format": "numpy"}}, "dataset: .* missing"),
]


@pytest.mark.parametrize("main_process", [True, False])
@pytest.mark.parametrize(("changes", "message"), BROKEN, ids=[str(changes) for changes, _ in BROKEN])
def test_a_reference_to_nothing_is_refused_before_anything_is_planned(
    tmp_path, monkeypatch, quickstart, changes, message, main_process
):
    """In every process: those of single jobs and `stir cache` plan, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stir_workflow.planning.start.check_apart", lambda paths, scale: None)
    path = write_yaml(tmp_path / "mine.yaml", edited(quickstart, changes))
    with pytest.raises(ExperimentError, match=rf"mine\.yaml: {message}"):
        start({"experiment": str(path)}, main_process=main_process)


def of_two(first, second):
    return {"label": "last", "by_architecture": {"resnet8": first, "vgg6": second}}


LAYERS = [
    ([*["penultimate"], of_two("penultimate", "penultimate")], "'penultimate' and 'last' are both layer 'penultimate' of arch"),
    (
        [*["penultimate"], of_two("stage3", "penultimate")],
        "'penultimate' and 'last' are both layer 'penultimate' of architecture 'vgg6'",
    ),
    (["last", of_two("stage3", "stage2")], "2 layers are labelled 'last'; give each a label of its own"),
    ([of_two("stage3", "stage2"), of_two("stage2", "stage3")], "2 layers are labelled 'last'"),
]


@pytest.mark.parametrize(("layers", "message"), LAYERS, ids=[message for _, message in LAYERS])
def test_one_layer_under_two_labels_and_two_under_one_are_refused(quickstart, load, layers, message):
    with pytest.raises(ExperimentError, match=f"layers: {message}"):
        load(edited(quickstart, {"layers": layers}))


ONE_DATASET = [
    {"label": "again", "name": "digits", "n_test": 400},
    {"label": "again", "name": "digits", "n_test": 400, "classes": list(range(10))},
]


@pytest.mark.parametrize("again", ONE_DATASET)
def test_one_dataset_under_two_labels_is_refused(quickstart, load, again):
    message = r"further_datasets\[0\]: 'digits' and 'again' are one dataset under two labels; leave one out"
    with pytest.raises(ExperimentError, match=message):
        load(edited(quickstart, {"further_datasets": [again]}))
    load(edited(quickstart, {"further_datasets": [again | {"classes": [0, 1], "n_test": 100}]}))


def test_a_model_of_all_training_images_is_one_model_whether_it_says_how_many_or_not(quickstart, refusal):
    quickstart["models"].append(quickstart["models"][0] | {"name": "again", "n_train": 1397})
    assert any(
        "again-0" in line and "digits-resnet8-vanilla-0" in line and "so they are one model" in line
        for line in refusal(quickstart)
    )


NO_EFFECT = [
    ({"training.0.beta": 3.0}, r"training\[0\]\.beta: has no effect on objective 'vanilla'"),
    ({"training.1.beta": 3.0}, r"training\[1\]\.beta: has no effect on objective 'at'"),
    ({"inversion.fake_last_relu": True}, r"inversion: Expected method 'normalised_gradient' with fake_last_relu; got 'lbfgs'"),
    ({"dataset.path": "somewhere"}, r"dataset\.path: 'digits' comes with a package; leave path out"),
]


@pytest.mark.parametrize(("changes", "message"), NO_EFFECT, ids=[str(changes) for changes, _ in NO_EFFECT])
def test_settings_without_an_effect_are_refused(quickstart, refusal, changes, message):
    assert any(re.match(message, line) for line in refusal(edited(quickstart, changes)))


def test_an_attack_that_is_evaluated_twice_is_refused(quickstart, refusal):
    attack = quickstart["evaluation"]
    (line,) = refusal(edited(quickstart, {"evaluation": [attack, attack | {"random_start": False}]}))
    assert line == "evaluation[1]: is the attack of evaluation[0] again; leave one out"


def test_more_files_than_can_be_planned_are_refused_and_as_many_as_can_are_counted_right(quickstart, load, monkeypatch):
    with pytest.raises(ExperimentError, match=r"models: expected an experiment of at most 100,000 files; got \d{3},\d{3} from"):
        load(edited(quickstart, {"models.0.training_seeds": list(range(400))}))
    planned = len(Plan("mine", load_experiment(QUICKSTART)).by_path)
    # Besides those of the models there are a dataset, a table, a figure, a report and a publication.
    monkeypatch.setattr(references, "MOST_FILES", planned - 5)
    load_experiment(QUICKSTART)
    monkeypatch.setattr(references, "MOST_FILES", planned - 6)
    with pytest.raises(ExperimentError, match="at most"):
        load_experiment(QUICKSTART)


def test_good_files_are_good():
    for path in (QUICKSTART, TINY):
        assert list(references.effects(load_experiment(path))) == []
        check_meaning(load_experiment(path), path)
