"""Checkpoints as they are released: the outputs are the original model's, or a message names the remedy."""

import json
import re
import subprocess

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from scripts import checkpoints
from stir.errors import CheckpointError, InvalidInputError
from stir.models import Architecture, build_model, load_checkpoint, read_metadata, read_model, save_model
from stir.models.checkpoints import unloaded
from stir.models.outputs import NO_CLASS, predicted_classes
from stir.models.shards import sha256_of_parts
from stir.training import Attack, accuracy
from tests.stir.models.released_kinds import KINDS, original, preprocessed, sharded

ATTACK = Attack(norm="linf", eps=0.1, steps=1, step_size=0.1)


@pytest.fixture(scope="module")
def published():
    return original()


def _images():
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def _features(model, images):
    return model.network.layer1(model.network.conv1(model.normalise(images)))


@pytest.mark.filterwarnings("ignore:.*(TorchScript|torch.jit).*", "ignore:Couldn't retrieve source code", "ignore:Sparse")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{'-'.join(kind.arguments.values())}")
def test_a_checkpoint_gives_the_outputs_of_the_original_model_or_a_remedy(tmp_path, published, kind):
    path = kind.write(tmp_path, {name: value.clone() for name, value in published.network.state_dict().items()})
    model = preprocessed(2, (0.0,) * 3, (1.0,) * 3) if kind.carries_normalisation else preprocessed(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if kind.refused is not None:
        with pytest.raises(CheckpointError, match=kind.refused) as caught:
            load_checkpoint(model, path, **kind.arguments)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
        torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
        return
    load_checkpoint(model, path, **kind.arguments)
    images = _images()
    assert torch.equal(_features(model, images), _features(published, images))
    assert not torch.equal(model.network.fc.weight, before["network.fc.weight"])
    if "missing" in kind.arguments:
        assert model(images).isnan().all()
    else:
        assert torch.equal(model(images), published(images))


def test_the_documentation_says_what_comes_of_each_kind():
    """But for the classes that a file names beside the weights: packages rename these."""

    def kept(table):
        return re.sub(r"; not made: objects of [^|;]*?(?=\.? \||;)", "", table)

    text = checkpoints.DOCUMENT.read_text()
    documented = text.partition(checkpoints.BEGIN)[2].partition(checkpoints.END)[0].strip()
    assert kept(documented) == kept(checkpoints.render())
    assert len(KINDS) >= 40


CONTENT = {"a": torch.ones(2), "b": torch.zeros(3)}


class TestShards:
    def test_their_sha256_is_that_of_the_list_that_sha256sum_prints(self, tmp_path):
        sharded()(tmp_path, {name: torch.ones(2) for name in "abcdefgh"})
        command = "LC_ALL=C sha256sum *.index.json *.safetensors | LC_ALL=C sort -k 2 | sha256sum"
        printed = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()[0]
        assert sha256_of_parts(tmp_path) == sha256_of_parts(tmp_path / "model.safetensors.index.json") == printed

    def test_a_changed_shard_is_another_checkpoint(self, tmp_path, published):
        path = sharded()(tmp_path, dict(published.network.state_dict()))
        digest = sha256_of_parts(path)
        load_checkpoint(preprocessed(2), path, sha256=digest.upper())
        shard = tmp_path / "model-00002-of-00002.safetensors"
        shard.write_bytes(shard.read_bytes()[:-1] + b"\1")
        with pytest.raises(CheckpointError, match="Expected SHA-256"):
            load_checkpoint(preprocessed(2), path, sha256=digest)

    @pytest.mark.parametrize("name", ["/etc/passwd", "a/b.safetensors", "..", "", "a\nb", ".hidden"])
    def test_no_other_folder_is_read(self, tmp_path, name):
        (tmp_path / "a.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(CheckpointError, match="no file of its own folder"):
            load_checkpoint(preprocessed(2), tmp_path / "a.index.json")

    @pytest.mark.parametrize("content", ["[1]", "{", '{"weight_map": []}', '{"weight_map": {"a": 1}}', '{"a": 1, "a": 2}'])
    def test_what_is_no_index_is_refused(self, tmp_path, content):
        (tmp_path / "a.index.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"a\.index\.json"):
            load_checkpoint(preprocessed(2), tmp_path)

    def test_of_several_checkpoints_in_a_folder_one_is_asked_for(self, tmp_path):
        for name in ("a.safetensors", "b.safetensors"):
            save_file(CONTENT, tmp_path / name)
        with pytest.raises(CheckpointError, match=r"Expected one checkpoint in the folder .*'a\.safetensors', 'b\.safetensors'"):
            load_checkpoint(preprocessed(2), tmp_path)


class TestABackbone:
    @pytest.fixture
    def path(self, tmp_path, published):
        weights = {name: value for name, value in published.network.state_dict().items() if not name.startswith("fc.")}
        save_file(weights, tmp_path / "backbone.safetensors")
        return tmp_path / "backbone.safetensors"

    def test_it_is_saved_and_read_without_its_head(self, tmp_path, path):
        architecture, head = Architecture("resnet8", 4, 1, 10), {"classifier.weight", "classifier.bias"}
        whole = build_model(architecture).state_dict()
        torch.save({name: value for name, value in whole.items() if name not in head}, path)
        model = load_checkpoint(build_model(architecture), path, missing="head")
        assert set(unloaded(model)) == head
        save_model(tmp_path / "m.safetensors", model, architecture, {})
        again = read_model(tmp_path / "m.safetensors")
        torch.testing.assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0, equal_nan=True)
        assert set(read_metadata(tmp_path / "m.safetensors")["missing"]) == head

    def test_its_accuracy_is_refused_and_it_predicts_no_class(self, path):
        model = load_checkpoint(preprocessed(2), path, missing="head")
        with pytest.raises(InvalidInputError, match=r"the model gives NaN.*set evaluation: none"):
            accuracy(model, _images(), torch.zeros(3, dtype=torch.long), ATTACK)
        assert predicted_classes(model(_images()), 3).tolist() == [NO_CLASS] * 3

    @pytest.mark.parametrize("kept", [lambda name: not name.startswith("layer1.1"), lambda name: name.startswith("conv1")])
    def test_a_middle_or_most_of_a_model_is_no_head(self, path, published, kept):
        save_file({name: value for name, value in published.network.state_dict().items() if kept(name)}, path)
        with pytest.raises(CheckpointError, match=r"\d missing, 0 unexpected"):
            load_checkpoint(preprocessed(2), path, missing="head")


class Unsaved(nn.Linear):
    """Has a buffer that its own files leave out."""

    def __init__(self):
        super().__init__(2, 2)
        self.register_buffer("grid", torch.arange(3.0), persistent=False)


@pytest.mark.parametrize(("value", "fits"), [(torch.arange(3.0), True), (torch.ones(3), False), (torch.arange(4.0), False)])
def test_a_buffer_that_the_model_does_not_save_is_left_out_if_it_is_the_models(tmp_path, value, fits):
    save_file({"weight": torch.eye(2), "bias": torch.ones(2), "grid": value}, tmp_path / "a.safetensors")
    if fits:
        assert torch.equal(load_checkpoint(Unsaved(), tmp_path / "a.safetensors").weight, torch.eye(2))
    else:
        with pytest.raises(CheckpointError, match="0 missing, 1 unexpected, for example 'grid'"):
            load_checkpoint(Unsaved(), tmp_path / "a.safetensors")


def test_a_normalisation_that_the_model_has_no_place_for_is_refused(tmp_path, published):
    weights = {f"1.{name}": value for name, value in published.network.state_dict().items()}
    save_file(weights | {"0.mean": torch.ones(3), "0.std": torch.ones(3)}, tmp_path / "a.safetensors")
    for entry in (None, "1"):
        with pytest.raises(CheckpointError, match=r"carries a normalisation: put stir\.models\.Normalise"):
            load_checkpoint(preprocessed(2).network, tmp_path / "a.safetensors", entry=entry)


def test_what_was_recognised_is_printed(tmp_path, published, capsys):
    weights = {name: value.half() for name, value in published.network.state_dict().items()}
    torch.save({"ema": weights, "epoch": 3}, tmp_path / "a.pt")
    load_checkpoint(preprocessed(2), tmp_path / "a.pt", progress=True)
    said = capsys.readouterr().err
    assert said == f"{tmp_path / 'a.pt'}: a file of torch.save with 17 tensors of the model; under 'ema'; stored as float16.\n"
