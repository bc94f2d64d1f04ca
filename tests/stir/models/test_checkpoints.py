"""Weights are loaded whole or not at all, and never run code."""

import copy
import hashlib
from collections import OrderedDict
from pathlib import Path, PosixPath

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stir.errors import CheckpointError
from stir.models import Architecture, build_model, load_checkpoint, read_metadata, read_model, save_model

LEGACY = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def _save(content, path, *, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def _loaded(model, path, weights, **arguments):
    """Load, and see that every weight is the file's."""
    assert not any(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert load_checkpoint(model, path, **arguments) is model
    torch.testing.assert_close(dict(model.state_dict()), dict(weights), rtol=0, atol=0)
    return True


def _refused(model, path, message, **arguments):
    """Try to load, and see that nothing of the model has changed."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(model, path, **arguments)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0, equal_nan=True)
    return True


def _prefixed(weights, prefix):
    return {prefix + name: value for name, value in weights.items()}


def test_safetensors(model, weights, safetensors_file):
    assert _loaded(model, safetensors_file, weights)


@LEGACY
@pytest.mark.parametrize(
    "wrap",
    [
        lambda w: w,
        OrderedDict,
        lambda w: {"state_dict": w, "epoch": 3},
        lambda w: {"epoch": 3, "model_state_dict": w, "optimizer": {"lr": 0.1}},
        lambda w: {"model": _prefixed(w, "module.")},
        lambda w: {"net": w, "acc": 0.9},
        lambda w: _prefixed(w, "module."),
        lambda w: _prefixed(w, "_orig_mod."),
        lambda w: {"state_dict": _prefixed(w, "net.backbone.")},
        lambda w: {"n_averaged": torch.tensor(3), **_prefixed(w, "module.")},
        lambda w: {"model_state_dict": w, "best": {"accuracy": torch.tensor(0.5)}},
        lambda w: _prefixed(w, "module._orig_mod."),
        lambda w: _prefixed(w, "_orig_mod.module."),
    ],
    ids=[
        *("plain", "ordered", "state_dict", "model_state_dict", "model", "net", "module", "orig_mod"),
        *("lightning", "averaged", "metrics", "ddp", "compiled ddp"),
    ],
)
def test_torch_state_dicts_as_they_are_found(model, weights, tmp_path, wrap, zipped):
    assert _loaded(model, str(_save(wrap(weights), tmp_path / "weights.pt", zipped=zipped)), weights)


@LEGACY
@pytest.mark.parametrize("other", ["state_dict_ema", "model_ema"])
def test_of_several_state_dicts_the_one_that_is_meant_is_asked_for(model, weights, tmp_path, other, zipped):
    averaged = {"n_averaged": torch.tensor(3), **{f"module.{name}": 2 * value for name, value in weights.items()}}
    path = _save({"state_dict": weights, other: averaged}, tmp_path / "weights.pt", zipped=zipped)
    message = (
        rf"weights\.pt holds 2 sets of weights that fit this model.*Say which is meant: entry: (state_dict|{other}) or entry"
    )
    assert _refused(model, path, message)
    assert _refused(model, path, "has no weights under the entry 'state_dic'. Did you mean 'state_dict'", entry="state_dic")
    doubled = {name: 2 * value for name, value in weights.items()}
    assert _loaded(model, path, doubled, entry=other)
    assert _loaded(model, path, weights, entry="state_dict")


@LEGACY
def test_a_file_of_torch_save_that_is_named_safetensors(model, weights, tmp_path, zipped):
    assert _loaded(model, _save(weights, tmp_path / "weights.safetensors", zipped=zipped), weights)


def test_a_prefix_in_safetensors(model, weights, tmp_path):
    save_file(_prefixed(weights, "module."), tmp_path / "weights.safetensors")
    assert _loaded(model, tmp_path / "weights.safetensors", weights)


def test_a_model_whose_own_names_begin_so(model, weights, tmp_path):
    """A `DataParallel`, say: its weights have the prefix because its modules have."""
    own = _prefixed(weights, "module.")
    assert _loaded(nn.ModuleDict({"module": model}), _save(own, tmp_path / "weights.pt"), own)


def test_a_prefix_before_names_that_begin_so(model, weights, tmp_path):
    own = _prefixed(weights, "module.")
    path = _save(_prefixed(own, "module."), tmp_path / "weights.pt")
    assert _loaded(nn.ModuleDict({"module": model}), path, own)


@LEGACY
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_the_weights_of_a_pickled_model_are_read_without_its_code(model, weights, tmp_path, zipped):
    pickled = copy.deepcopy(model)
    pickled.load_state_dict(weights)
    assert _loaded(model, _save({"model": pickled, "epoch": 3}, tmp_path / "model.pt", zipped=zipped), weights)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@LEGACY
@pytest.mark.parametrize("wrap", [lambda m, w: m, lambda m, w: {**w, "more": m}, lambda m, w: {"state_dict": w, "more": m}])
def test_code_in_a_checkpoint_does_not_run(model, weights, tmp_path, wrap, zipped, capsys):
    trace = tmp_path / "trace"
    path = _save(wrap(Malicious(trace), weights), tmp_path / "weights.pt", zipped=zipped)
    if wrap(0, weights) == 0:
        assert _refused(model, path, r"weights\.pt holds no state dict.*; got a value of type __builtin__.getattr")
    else:
        assert _loaded(model, path, weights, progress=True)
        # Python 3.13 keeps its paths in pathlib._local.
        assert f"not made: objects of __builtin__.getattr, {PosixPath.__module__}.PosixPath" in capsys.readouterr().err
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the file was harmless, and this test shows nothing"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("3.bias"), r"1 missing, 0 unexpected, for example '3\.bias'"),
        (lambda w: w.pop("1.running_mean"), r"1 missing, 0 unexpected, for example '1\.running_mean'"),
        (
            lambda w: w.update({"4.bias": torch.ones(3)}),
            r"0 missing, 1 unexpected, for example '4\.bias' \(nearest in the model: '3\.bias'\)",
        ),
        (
            lambda w: w.update({"3.biass": w.pop("3.bias")}),
            r"1 missing, 1 unexpected.*'3\.bias' \(nearest in the file: '3\.biass'\); '3\.biass' \(nearest in the m",
        ),
        (lambda w: w.update({"3.bias": torch.ones(4)}), r"'3\.bias' of shape \(3,\); got \(4,\).*width and classes"),
        (lambda w: w.update({"3.weight": w["3.weight"].mT.contiguous()}), r"'3\.weight' of shape \(3, 72\); got \(72, 3\)"),
        (lambda w: w["3.bias"].fill_(torch.nan), r"'3\.bias' in .* has NaN or infinity.*another checkpoint"),
        (lambda w: w["1.running_var"][1:].fill_(torch.inf), r"'1\.running_var' in .* has NaN or infinity"),
    ],
    ids=["missing", "missing buffer", "unexpected", "renamed", "mis-shaped", "transposed", "NaN", "infinity"],
)
def test_weights_that_do_not_fit_leave_the_model_alone(model, weights, tmp_path, change, message):
    change(weights)
    save_file(weights, tmp_path / "weights.safetensors")
    assert _refused(model, tmp_path / "weights.safetensors", message)
    assert _refused(model, _save(weights, tmp_path / "weights.pt"), message)


def test_a_file_without_weights_is_refused(model, tmp_path):
    save_file({}, tmp_path / "weights.safetensors")
    assert _refused(model, tmp_path / "weights.safetensors", "holds no state dict: expected name -> tensor")


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {"state_dict": {"a": [1.0]}}, torch.ones(3)], ids=str)
def test_what_is_no_state_dict_is_refused(model, tmp_path, content):
    assert _refused(model, _save(content, tmp_path / "weights.pt"), r"holds no state dict: expected name -> tensor.*; got ")


def test_a_file_that_is_not_there(model, tmp_path):
    assert _refused(model, tmp_path / "weights.pt", r"checkpoint file at .*weights\.pt; there is none")
    assert _refused(model, tmp_path, r"a checkpoint in the folder .*; there is none")


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.99])
def test_a_truncated_file_is_refused(model, weights, tmp_path, safetensors_file, kind, kept):
    path = safetensors_file
    if kind != "safetensors":
        path = _save(weights, tmp_path / "weights.pt", zipped=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert _refused(model, path, "weights")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("text", [b"", b"ello world, this is a text", bytes(range(256))], ids=["one byte", "text", "bytes"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    """With every first byte, since each can be an instruction to the unpickler."""
    path = tmp_path / "weights.pt"
    others = {}
    for first in range(256):
        path.write_bytes(bytes([first]) + text)
        try:
            load_checkpoint(nn.Linear(2, 2), path)
        except Exception as error:
            others[bytes([first])] = error
    assert len(others) == 256
    assert {first: error for first, error in others.items() if not isinstance(error, CheckpointError)} == {}
    assert all("weights.pt" in str(error) for error in others.values())


def test_sha256_of_a_local_file(model, weights, safetensors_file):
    sha256 = hashlib.sha256(safetensors_file.read_bytes()).hexdigest()
    assert _refused(model, safetensors_file, rf"Expected SHA-256 {'0' * 64} of .*; got {sha256}\.", sha256="0" * 64)
    assert _loaded(model, safetensors_file, weights, sha256=sha256.upper())


def test_sha256_is_checked_before_the_file_is_opened(model, tmp_path):
    trace = tmp_path / "trace"
    path = _save(Malicious(trace), tmp_path / "weights.pt")
    assert _refused(model, path, "Expected SHA-256", sha256="0" * 64)


def test_loading_takes_the_precision_of_the_model(model, weights, safetensors_file):
    load_checkpoint(model.double(), safetensors_file)
    torch.testing.assert_close(model[3].weight.detach(), weights["3.weight"].double())


def test_a_saved_model_is_read_back_with_its_architecture(tmp_path, images):
    architecture = Architecture("vgg6", width=4, channels=1, classes=10)
    model = build_model(architecture, random_seed=3).train()
    model(images)
    save_model(tmp_path / "m.safetensors", model, architecture, {"losses": [0.5, 0.25], "note": "naïve"})
    again = read_model(tmp_path / "m.safetensors")
    torch.testing.assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert not any(module.training for module in again.modules())
    assert read_metadata(tmp_path / "m.safetensors") == {
        "architecture": {"name": "vgg6", "width": 4, "channels": 1, "classes": 10},
        "losses": [0.5, 0.25],
        "note": "naïve",
    }


def test_weights_that_do_not_say_their_architecture(safetensors_file, tmp_path, weights):
    for path in (safetensors_file, _save(weights, tmp_path / "weights.pt")):
        with pytest.raises(CheckpointError, match="does not say its architecture; make it with"):
            read_model(path)
