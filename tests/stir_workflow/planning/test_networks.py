"""Networks of other libraries and of Python files are tried before any job: what is wrong with one is said at the plan."""

import hashlib
import re

import pytest

from stir_workflow.planning.loading import ExperimentError, load_by_schema
from stir_workflow.planning.meaning import check_meaning
from tests.experiment_files import read_yaml, write_yaml
from tests.workflow.snakemake import ROOT

EXAMPLE = ROOT / "docs" / "models" / "addresses.yaml"
NETWORKS = (ROOT / "docs" / "models" / "networks.py").read_text(encoding="utf-8")
RANDOM = {"weights": "random", "random_seed": 0}
OWN = {"model": "networks.py:striped", "classes": 10, **RANDOM}
COLOUR = {"label": "photographs", "name": "cifar10_jpeg"}


@pytest.fixture
def checked(tmp_path):
    """Check an experiment of some models on digits; return the lines that say what is wrong with it."""

    def check(*models, source=NETWORKS, **more):
        (tmp_path / "networks.py").write_text(source, encoding="utf-8")
        content = read_yaml(EXAMPLE) | {"models": [{"name": f"m{n}", **model} for n, model in enumerate(models)], **more}
        path = write_yaml(tmp_path / "mine.yaml", content)
        try:
            check_meaning(load_by_schema(path), path)
        except ExperimentError as refused:
            return str(refused).replace(f"{path}: ", "").splitlines()
        return []

    return check


def timm(**more):
    pytest.importorskip("timm")
    return {"model": "timm:test_vit", "arguments": {"img_size": 32}, "training": "vanilla", "training_seeds": [0], **more}


def test_networks_of_several_sources_on_one_x_are_accepted(checked):
    assert checked(timm(), OWN, {"model": "stir:resnet8", "width": 2, **RANDOM}) == []


class TestAddresses:
    def test_that_nobody_knows_are_refused_with_near_matches(self, checked):
        lines = [*checked({"model": "tim:test_vit", **RANDOM}), *checked(OWN, {"model": "networks.py:strpied", **RANDOM})]
        assert re.match(r"models\[0\]\.model: Unknown prefix of model 'tim:test_vit'.* Did you mean 'timm'", lines[0])
        assert re.match(r"models\[1\]\.model: .*'strpied'.* Did you mean 'striped'", lines[1])
        assert len(lines) == 2

    def test_of_timm_that_it_does_not_have_are_refused_with_near_matches(self, checked):
        (line,) = checked(timm(model="timm:test_vti"))
        assert re.match(r"models\[0\]\.model: .*'test_vti'.* Did you mean .*'test_vit'", line)

    def test_of_a_library_that_is_not_installed_name_the_extra(self, checked, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "timm", None)
        (line,) = checked({"model": "timm:test_vit", **RANDOM})
        assert line.startswith("models[0].model: ")
        assert "pip install 'stir-workflow[timm]'" in line

    @pytest.mark.parametrize("address", ["os:system", "subprocess:run", "builtins:exec", "importlib.machinery:SourceFileLoader"])
    def test_of_pythons_own_library_are_refused_and_never_called(self, checked, tmp_path, address):
        arguments = {"command": f"touch {tmp_path}/PWNED", "args": f"touch {tmp_path}/PWNED", "shell": True}
        (line,) = checked({"model": address, "arguments": arguments, **RANDOM})
        assert line.startswith("models[0].model: expected a module with networks")
        assert not (tmp_path / "PWNED").exists()


FAULTS = {
    "raise RuntimeError('no licence')\n": r"networks\.py raised RuntimeError: no licence in .*networks\.py, line 1",
    "import sys\nsys.exit(3)\n": r"networks\.py raised SystemExit: 3",
    "def striped(:\n": r"networks\.py raised SyntaxError",
    "import nothing_of_that_name\n": r"ModuleNotFoundError: No module named 'nothing_of_that_name'",
    "def striped():\n    return 3\n": r"to give a torch\.nn\.Module; got int",
    "striped = 3\n": r"as a function or class; got int",
}


class TestPythonFiles:
    @pytest.mark.parametrize("source", FAULTS)
    def test_that_cannot_be_used_are_refused_in_their_own_words(self, checked, source):
        (line,) = checked(OWN, source=source)
        assert line.startswith("models[0].model: ")
        assert re.search(FAULTS[source], line)

    def test_that_are_absent_are_named(self, checked):
        (line,) = checked({**OWN, "model": "other.py:striped"})
        assert re.match(r"models\[0\]\.model: .*other\.py; there is none", line)

    def test_that_the_experiment_does_not_name_are_not_run(self, checked, tmp_path):
        (tmp_path / "torch.py").write_text("raise RuntimeError('run')\n")
        (tmp_path / "sitecustomize.py").write_text("raise RuntimeError('run')\n")
        (tmp_path / "beside.py").write_text(f"open({str(tmp_path / 'PWNED')!r}, 'w')\n")
        assert checked({"model": "stir:resnet8", "width": 2, **RANDOM}) == []
        assert not (tmp_path / "PWNED").exists()

    def test_get_arguments_that_they_take_or_are_refused(self, checked):
        (line,) = checked({**OWN, "arguments": {"widht": 4}})
        assert re.match(r"models\[0\]\.model: .*'widht'", line)

    def test_what_they_print_is_no_part_of_a_refusal(self, tmp_path):
        from stir_workflow.planning.apart import check_apart

        (tmp_path / "networks.py").write_text(f"print('hello')\n{NETWORKS}")
        content = read_yaml(EXAMPLE) | {"models": [{"name": "own", **OWN}, {"name": "x", "model": "networks.py:no", **RANDOM}]}
        with pytest.raises(ExperimentError) as refused:
            check_apart([write_yaml(tmp_path / "mine.yaml", content)])
        assert "hello" not in str(refused.value)


class TestOutputs:
    def test_other_than_the_classes_are_refused_where_accuracies_are_measured(self, checked):
        (line,) = checked({**OWN, "classes": 7})
        assert re.match(
            r"models\[0\]: expected 'm0' .* each of the 10 classes of 'digits', since accuracies .*; got 7 outputs", line
        )
        assert checked({**OWN, "classes": 7}, evaluation="none") == []

    def test_that_are_no_scores_are_refused_where_accuracies_are_measured(self, checked):
        source = "from torch import nn\n\ndef striped():\n    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())\n"
        own = {"model": "networks.py:striped", **RANDOM}
        (line,) = checked(own, source=source, layers=["network.0"])
        assert "got no scores" in line
        assert line.endswith("or set evaluation: none")
        assert checked(own, source=source, layers=["network.0"], evaluation="none") == []

    def test_of_a_model_that_is_trained_are_as_many_as_its_dataset_has_classes(self, checked):
        source = "from torch import nn\n\ndef striped():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))\n"
        trained = {"model": "networks.py:striped", "training": "vanilla", "training_seeds": [0]}
        (line,) = checked(trained, source=source, evaluation="none")
        assert "since it is trained for them; got 3 outputs" in line


class TestSizes:
    def test_a_model_that_resizes_takes_images_of_another_dataset(self, checked):
        both = {"further_datasets": [COLOUR | {"label": "a"}], "images": {"n_images": 16, "datasets": ["a"]}}
        scans = {"name": "scans", "path": "scans", "format": "folder", "fingerprint": "0" * 64, "n_classes": 10, "n_test": 64}
        other = {
            "further_datasets": [scans | {"label": "larger", "image_shape": [1, 12, 12]}],
            "images": {"n_images": 16, "datasets": ["digits", "larger"]},
        }
        assert checked({**OWN, "resize": [16, 16]}, **other) == []
        (line,) = checked(OWN, **other)
        assert re.match(r"models\[0\]: 'm0' takes images of \(1, 8, 8\) .*'larger' of \(1, 12, 12\)", line)
        (line,) = checked({**OWN, "resize": [16, 16]}, **both)
        assert re.match(r"models\[0\]: 'm0' takes images of \(1, 8, 8\) .*'a' of \(3, 32, 32\)", line)


class TestWeights:
    def test_files_that_do_not_fit_are_refused(self, checked, tmp_path):
        import torch

        from stir.models import Architecture, build_model

        (tmp_path / "networks.py").write_text(NETWORKS, encoding="utf-8")
        architecture = Architecture("networks.py:striped", channels=1, classes=10, folder=tmp_path)
        torch.save(build_model(architecture).network.state_dict(), tmp_path / "w.pt")
        file = {"checkpoint": str(tmp_path / "w.pt"), "sha256": hashlib.sha256((tmp_path / "w.pt").read_bytes()).hexdigest()}
        own = {"model": "networks.py:striped", "classes": 10, **file}
        assert checked(own) == []
        (line,) = checked({**own, "arguments": {"width": 3}})
        assert line.startswith("models[0].checkpoint: ")
        (line,) = checked({**own, "sha256": "0" * 64})
        assert line.startswith("models[0].checkpoint: Expected SHA-256")

    def test_that_the_network_would_have_to_bring_are_refused_with_the_place_to_put_them(self, checked, monkeypatch, tmp_path):
        pytest.importorskip("timm")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        (line,) = checked({"model": "timm:test_vit", "weights": "default", "mean": [0.5], "std": [0.5]}, evaluation="none")
        assert line.startswith("models[0].weights: ")
        assert str(tmp_path / "hub") in line
        assert "as checkpoint" in line

    def test_of_names_that_a_library_does_not_have_are_refused(self, checked):
        (line,) = checked({"model": "timm:test_vit", "weights": "r160_in2k", "mean": [0.5], "std": [0.5]}, evaluation="none")
        assert "Did you mean 'r160_in1k'" in line
