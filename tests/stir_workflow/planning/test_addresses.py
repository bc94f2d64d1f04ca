"""Models by address in an experiment file: what they are called, what their keys depend on, and what they do not."""

import datetime
import re
import shutil

import pytest

from stir.models.architecture import FILE, canonical_name, parse_address
from stir.names import is_name
from stir_workflow.planning.addresses import canonical, is_address, is_of_file, slug
from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.plan import Plan
from tests.experiment_files import edited, without, write_yaml
from tests.stir_workflow.planning.test_plan import changed

ADDRESSES = [
    "resnet18",
    "stir:resnet18",
    "torchvision:resnet50",
    "torchvision.resnet50",
    "timm:vit_tiny_patch16_224",
    "timm:vit_tiny_patch16_224.augreg_in21k",
    "transformers:facebook/dinov2-small",
    "open_clip:ViT-B-32",
    "mypackage.models:Net",
    "models.py:make_net",
    "../nets/my models.py:make_net",
]
HOSTILE = [
    "a:$(touch PWNED)",
    "a:../../../X",
    "a:a|b'\"{x}\nORDER",
    "a:/",
    ":",
    "..:..",
    "-rf:x",
    "timm:é" * 20,
    "x:" + "y" * 200,
]
NETWORK = "from parts import Body\n\ndef make(classes=10):\n    return Body()\n"


@pytest.mark.parametrize("address", [*ADDRESSES, *HOSTILE])
def test_the_plan_reads_addresses_as_the_library_does(address):
    assert canonical(address) == canonical_name(address)
    assert is_of_file(address) == (parse_address(address).prefix == FILE)


@pytest.mark.parametrize("text", [*ADDRESSES, *HOSTILE, "IMAGENET1K_V2", "", "../.."])
def test_what_files_are_called_is_a_name_by_the_grammar(text):
    assert is_name(slug(text))
    assert is_name(f"{slug(text)}-0123456789")


@pytest.mark.parametrize("address", ["stir:resnet8", "stir:vgg6"])
def test_both_spellings_of_one_network_are_one_model(plan, quickstart, address):
    models = [
        {**without(model, "architecture"), "model": address} if f"stir:{model['architecture']}" == address else model
        for model in quickstart["models"]
    ]
    assert plan({"models": models}).paths() == plan().paths()


def other(**settings):
    return {"name": "other", "model": "timm:test_vit", **settings}


def checkpoint_of(planned, name="other"):
    (model,) = [model for model in planned.models if model.group == name]
    return model.checkpoint


def test_what_an_entry_says_of_its_network_is_in_its_recipe(plan, quickstart):
    given = other(
        model="robustbench:Carmon2019Unlabeled",
        threat_model="Linf",
        arguments={"dataset": "cifar10"},
        mean=[0.5],
        std=[0.25],
        resize=[32, 32],
    )
    planned = plan({"models": [*quickstart["models"], given]})
    settings = checkpoint_of(planned).recipe.settings
    assert settings["architecture"] == {
        "name": "robustbench:Carmon2019Unlabeled",
        "width": None,
        "channels": 1,
        "classes": None,
        "normalisation": {"mean": [0.5], "std": [0.25]},
        "arguments": {"dataset": "cifar10", "threat_model": "Linf"},
        "weights": "default",
        "resize": [32, 32],
    }
    assert set(settings["code"]) >= {"robustbench"}
    assert changed(plan(), planned)["checkpoint"] == 2, "and an untrained one; the others keep their keys"


SOURCES = {
    "trained": ({"training": "vanilla", "training_seeds": [3]}, 10, "digits-timm-test_vit-vanilla-3"),
    "taken": ({"checkpoint": "w.pt", "sha256": "0" * 64}, None, "timm-test_vit-00000000"),
    "taken, for so many classes": ({"checkpoint": "w.pt", "sha256": "0" * 64, "classes": 7}, 7, "timm-test_vit-00000000"),
    "published": ({"weights": "r160_in1k"}, None, "timm-test_vit-r160_in1k"),
    "random": ({"weights": "random", "random_seed": 5}, None, "timm-test_vit-random-5"),
    "by default": ({}, None, "timm-test_vit-default"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_weights_come_from_one_place_which_names_the_model(plan, quickstart, source):
    given, classes, name = SOURCES[source]
    planned = plan({"models": [*quickstart["models"], other(**given)]})
    settings = checkpoint_of(planned).recipe.settings
    assert planned.models[-1].slug == name
    assert settings["architecture"]["classes"] == classes
    assert settings.get("random_seed") == given.get("random_seed", given.get("training_seeds", [None])[0])


def test_random_weights_of_other_seeds_are_other_models(plan, quickstart):
    def of(random_seed, **model):
        models = [*quickstart["models"], other(weights="random", random_seed=random_seed, **model)]
        return checkpoint_of(plan({"models": models})).key

    assert of(0) != of(1)
    assert of(0, model="stir:resnet8", width=2) != of(0)


def test_another_version_of_a_library_makes_its_own_models_again(plan, quickstart, monkeypatch):
    models = [*quickstart["models"], other(weights="random", random_seed=0)]
    before = plan({"models": models})
    monkeypatch.setattr("stir.models.code.version", lambda _: "9.9.9")
    after = plan({"models": models})
    assert checkpoint_of(after).recipe.settings["code"] == {"timm": "9.9.9"}
    assert changed(before, after)["checkpoint"] == 1
    assert changed(before, after)["iri"] == 4


@pytest.fixture
def folder(tmp_path, quickstart):
    """A folder with an experiment of one's own network, and the Python files that make it."""
    place = tmp_path / "first"
    place.mkdir()
    (place / "networks.py").write_text(NETWORK)
    (place / "parts.py").write_text("from torch import nn\n\nclass Body(nn.Flatten):\n    pass\n")
    (place / "unrelated.py").write_text("raise RuntimeError\n")
    models = [quickstart["models"][0], {"name": "own", "model": "networks.py:make", "weights": "random", "random_seed": 0}]
    write_yaml(place / "mine.yaml", quickstart | {"models": models})
    return place


def planned_in(folder):
    return Plan("mine", load_experiment(folder / "mine.yaml"))


class TestPythonFiles:
    def test_no_key_depends_on_where_they_lie(self, folder, tmp_path):
        moved = shutil.copytree(folder, tmp_path / "elsewhere" / "second")
        assert planned_in(folder).paths() == planned_in(moved).paths()

    def test_planning_does_not_run_them(self, folder):
        (folder / "networks.py").write_text(f"{NETWORK}raise RuntimeError\n")
        planned_in(folder)

    @pytest.mark.parametrize(("name", "again"), [("networks.py", 1), ("parts.py", 1), ("unrelated.py", 0)])
    def test_keys_depend_on_the_file_and_on_what_it_imports_beside_it(self, folder, name, again):
        before = planned_in(folder)
        (folder / name).write_text((folder / name).read_text() + "# changed\n")
        assert changed(before, planned_in(folder)).get("checkpoint", 0) == again

    def test_every_job_that_builds_a_network_is_told_the_folder(self, folder):
        planned = planned_in(folder)
        told = {made.recipe.stage for made in planned.by_path.values() if made.code == str(folder)}
        assert told >= {"checkpoint", "evaluation", "iri", "pair", "representation"}
        assert planned.models[0].checkpoint.code is None

    def test_that_are_absent_are_named(self, folder):
        (folder / "networks.py").unlink()
        with pytest.raises(ExperimentError, match=r"mine\.yaml: models\[1\]\.model: .*networks\.py; there is none"):
            planned_in(folder)


NOT_PLAIN = [
    ({"a": datetime.date(2026, 1, 1)}, r"models\[0\]\.arguments\.a: expected a text, number, .*Put it in quotes"),
    ({"a": {"b": [1.0, float("inf")]}}, r"models\[0\]\.arguments\.a\.b\[1\]: expected a finite number; got inf"),
    ({"a": 2**60}, r"models\[0\]\.arguments\.a: expected a whole number of at most"),
    ({"threat_model": "L2"}, r"models\[0\]\.threat_model: is one of the arguments, too"),
    ({str(n): n for n in range(101)}, r"models\[0\]\.arguments: expected at most 100 keys; got 101"),
]


@pytest.mark.parametrize(("arguments", "message"), NOT_PLAIN, ids=[message for _, message in NOT_PLAIN])
def test_arguments_are_plain_values_of_which_a_key_can_be_made(load, quickstart, arguments, message):
    model = other(weights="random", random_seed=0, threat_model="Linf", arguments=arguments)
    with pytest.raises(ExperimentError) as refused:
        load(edited(quickstart, {"models": [model]}))
    assert re.search(message, str(refused.value))


def test_without_an_evaluation_there_are_no_accuracies(plan):
    planned = plan({"evaluation": "none"})
    assert planned.evaluations == []
    assert set(planned.table.recipe.inputs) == {"scores", "checkpoints", "datasets"}
    assert changed(plan(), planned) == {"table": 1, "figure": 1, "report": 1, "publication": 1}


def test_own_architectures_are_no_addresses():
    assert [is_address(canonical(address)) for address in ADDRESSES] == [False] * 4 + [True] * 7
