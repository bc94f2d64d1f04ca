"""Kinds of checkpoint files as they are released, of one small network each; docs/checkpoints.md lists them."""

import argparse
import gzip
import json
import pickle
import tarfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stir.models.normalise import Normalise

Weights = dict[str, Tensor]
MEAN, STD = (0.5, 0.25, 0.125), (0.25, 0.5, 0.75)


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.bn(self.conv(x)))


class Net(nn.Module):
    """A residual network with a buffer that it makes itself."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(Block(4), Block(4))
        self.register_buffer("position_ids", torch.arange(4))
        self.fc = nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer1(self.conv1(x)).mean(dim=(2, 3))[:, self.position_ids])


def preprocessed(random_seed: int, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> nn.Sequential:
    """Build the network behind a normalisation, with weights that no other random seed gives."""
    torch.manual_seed(random_seed)
    network, normalise = Net(), Normalise(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
    normalise.mean.copy_(torch.tensor(mean))
    normalise.std.copy_(torch.tensor(std))
    return nn.Sequential(OrderedDict(normalise=normalise, network=network)).eval()


def original() -> nn.Sequential:
    """Build the network that the files are of; its weights are the same in bfloat16."""
    model = preprocessed(1)
    for value in model.network.state_dict().values():
        value.copy_(value.bfloat16())
    return model


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    name: str
    write: Callable[[Path, Weights], Path]
    """Writes weights of `Net` into a folder, and returns the path of the checkpoint."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of `load_checkpoint`."""
    refused: str | None = None
    """What the message says, if it is not loaded."""
    carries_normalisation: bool = False
    """Whether the model has another mean and standard deviation than the file before."""


class Schedule:
    """What dill makes of a lambda: a call that would make code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("(lambda epoch: 0.1)",)


def torch_file(wrap: Callable[[Weights], Any], name: str = "weights.pt", **settings: Any) -> Callable[[Path, Weights], Path]:
    """Return what writes a file of torch.save."""

    def write(folder: Path, weights: Weights) -> Path:
        torch.save(wrap(weights), folder / name, **settings)
        return folder / name

    return write


def text(content: bytes, name: str = "weights.pt") -> Callable[[Path, Weights], Path]:
    """Return what writes a file of something else."""

    def write(folder: Path, _weights: Weights) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def behind(prefix: str, weights: Weights) -> Weights:
    """Put a prefix before all names."""
    return {prefix + name: value for name, value in weights.items()}


def other(weights: Weights) -> Weights:
    """Return other weights of the same network."""
    return {name: value * 2 for name, value in weights.items()}


def under(key: str, **more: Any) -> Callable[[Path, Weights], Path]:
    """Return what writes weights under a key, with the usual values beside them."""
    return torch_file(lambda w: {"epoch": 90, "optimizer": _optimizer(w), key: w, **more})


def prefixed(prefix: str, **more: Any) -> Callable[[Path, Weights], Path]:
    """Return what writes names behind a prefix."""
    return torch_file(lambda w: {"state_dict": behind(prefix, w), **more})


def _optimizer(weights: Weights) -> dict[str, Any]:
    state = {number: {"step": torch.tensor(3.0), "exp_avg": value} for number, value in enumerate(weights.values())}
    return {"state": state, "param_groups": [{"lr": 0.1, "params": list(state)}]}


def robustness(weights: Weights, copies: Callable[[Weights], Weights] = dict) -> dict[str, Any]:
    """Return what the package robustness saves: a normalisation, and all again for the attacker."""
    statistics = {"new_mean": torch.tensor(MEAN).view(3, 1, 1), "new_std": torch.tensor(STD).view(3, 1, 1)}
    content = behind("module.normalizer.", statistics) | behind("module.model.", weights)
    content |= behind("module.attacker.normalize.", statistics) | behind("module.attacker.model.", copies(weights))
    return {"model": content, "optimizer": _optimizer(weights), "schedule": Schedule(), "epoch": 150, "amp": None}


def lightning(weights: Weights, **parameters: Any) -> dict[str, Any]:
    """Return what Lightning saves."""
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": behind("model.", weights),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5)}},
        "hyper_parameters": parameters,
    }


def _omegaconf(weights: Weights) -> dict[str, Any]:
    from omegaconf import OmegaConf

    return lightning(weights, config=OmegaConf.create({"optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}}))


def _pickled(weights: Weights, wrap: Callable[[nn.Module], nn.Module] = lambda model: model) -> dict[str, Any]:
    network = Net()
    network.load_state_dict(weights)
    return {"epoch": -1, "model": wrap(network)}


def safetensors(change: Callable[[Weights], Weights] = dict) -> Callable[[Path, Weights], Path]:
    """Return what writes a safetensors file."""

    def write(folder: Path, weights: Weights) -> Path:
        save_file(change(weights), folder / "model.safetensors")
        return folder / "model.safetensors"

    return write


def sharded(
    kind: str = "safetensors",
    *,
    folder_only: bool = False,
    index: bool = True,
    change: Callable[[dict[str, str]], Any] = lambda listed: None,
) -> Callable[[Path, Weights], Path]:
    """Return what writes two shards and their index."""

    def write(folder: Path, weights: Weights) -> Path:
        names, listed = list(weights), {}
        for number, part in enumerate((names[:7], names[7:]), 1):
            file = f"model-0000{number}-of-00002.{kind}"
            shard = {name: weights[name] for name in part}
            save_file(shard, folder / file) if kind == "safetensors" else torch.save(shard, folder / file)
            listed |= dict.fromkeys(part, file)
        change(listed)
        path = folder / f"model.{kind}.index.json"
        if index:
            path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": listed}))
        (folder / "config.json").write_text("{}")
        return folder if folder_only else path

    return write


def _downloaded(folder: Path, weights: Weights) -> Path:
    safetensors()(folder, weights)
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "config.json").write_text("{}")
    return folder


def tar(*names: str) -> Callable[[Path, Weights], Path]:
    """Return what writes a tar archive of files."""

    def write(folder: Path, weights: Weights) -> Path:
        with tarfile.open(folder / "weights.tar", "w") as archive:
            for name in names:
                if name.endswith(".safetensors"):
                    save_file(weights, folder / name)
                elif name.endswith(".txt"):
                    (folder / name).write_text("Weights of a network.")
                else:
                    torch.save(weights, folder / name)
                archive.add(folder / name, f"run/{name}")
        return folder / "weights.tar"

    return write


def arrays(change: Callable[[Weights], Weights] = dict) -> Callable[[Path, Weights], Path]:
    """Return what writes an npz file."""

    def write(folder: Path, weights: Weights) -> Path:
        np.savez(folder / "weights.npz", **{name: value.numpy() for name, value in change(weights).items()})
        return folder / "weights.npz"

    return write


def _numpy(weights: Weights) -> dict[str, Any]:
    return {name: value.numpy() for name, value in weights.items()}


def _detectron(folder: Path, weights: Weights) -> Path:
    content = {"model": _numpy(weights), "__author__": "a model zoo", "matching_heuristics": True}
    (folder / "weights.pkl").write_bytes(pickle.dumps(content))
    return folder / "weights.pkl"


def _gzipped(folder: Path, weights: Weights) -> Path:
    torch.save(weights, folder / "a.pt")
    (folder / "weights.pt.gz").write_bytes(gzip.compress((folder / "a.pt").read_bytes()))
    return folder / "weights.pt.gz"


def _script(folder: Path, _weights: Weights) -> Path:
    torch.jit.script(nn.Linear(2, 2)).save(folder / "weights.pt")
    return folder / "weights.pt"


def _without(*names: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: value for name, value in weights.items() if not name.endswith(names)}


def _respelt(old: str, new: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name.replace(old, new): value for name, value in weights.items()}


BEFORE = {"_use_new_zipfile_serialization": False}
NAMESPACE = argparse.Namespace(model="deit_tiny", lr=0.1, output_dir=Path("out"))
BACKBONE = _without("fc.weight", "fc.bias")
PROJECTED = torch_file(lambda w: {**BACKBONE(w), "fc.0.weight": torch.ones(2)})
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
STUDENT_AND_TEACHER = torch_file(
    lambda w: {
        "student": behind("module.backbone.", other(w)) | {"module.head.mlp.weight": torch.ones(2)},
        "teacher": behind("backbone.", w) | {"head.mlp.weight": torch.ones(2)},
        "args": NAMESPACE,
    }
)
MOCO = torch_file(
    lambda w: {
        "state_dict": behind("module.encoder_q.", w)
        | behind("module.encoder_k.", other(w))
        | {"module.queue": torch.ones(8, 4), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    }
)
OTHER_ATTACKER = torch_file(lambda w: robustness(w, other))
TIMM = torch_file(lambda w: {"state_dict": other(w), "state_dict_ema": w})
TWO = "holds 2 sets of weights that fit this model"
KEYS = (
    "state_dict",
    "model",
    "net",
    "model_state",
    "model_state_dict",
    "module",
    "state_dict_ema",
    "model_ema",
    "ema",
    "weights",
)
PREFIXES = (
    *("module.", "model.", "net.", "network.", "backbone.", "encoder_q.", "_orig_mod.", "module._orig_mod.model."),
    "learner.net.encoder.",
)
KINDS = [
    Kind("state dict", torch_file(dict)),
    Kind("state dict, torch.save before 1.6", torch_file(dict, **BEFORE)),
    Kind("state dict, pickle protocol 4", torch_file(dict, pickle_protocol=4)),
    Kind("state dict, pickle protocol 5, before 1.6", torch_file(dict, pickle_protocol=5, **BEFORE)),
    *(Kind(f"under the key `{key}`", under(key)) for key in KEYS),
    Kind("keys within keys", torch_file(lambda w: {"checkpoint": {"agent": {"net": w}}, "step": 3})),
    Kind("a list: weights, optimizer", torch_file(lambda w: [w, _optimizer(w)])),
    Kind("weights beside an epoch and a name", torch_file(lambda w: {**w, "epoch": 3, "arch": "net"})),
    *(Kind(f"names behind `{prefix}`", prefixed(prefix)) for prefix in PREFIXES),
    Kind("`_orig_mod.` within names (one block was compiled)", torch_file(_respelt("layer1.", "layer1._orig_mod."))),
    Kind("`module.` within names (features were data-parallel)", torch_file(_respelt("layer1.", "layer1.module."))),
    Kind("`torch.optim.swa_utils.AveragedModel`", torch_file(lambda w: {"n_averaged": torch.tensor(3), **behind("module.", w)})),
    Kind("counts of operations (thop) beside the weights", torch_file(lambda w: {**w, "total_ops": torch.zeros(1)})),
    Kind("timm: `state_dict` and `state_dict_ema`", TIMM, {}, TWO),
    Kind("timm: `state_dict` and `state_dict_ema`", TIMM, {"entry": "state_dict_ema"}),
    Kind(
        "DINO: student and teacher, each with a head",
        STUDENT_AND_TEACHER,
        {},
        r"entry: (teacher|student\.module)\.backbone or entry",
    ),
    Kind("DINO: student and teacher, each with a head", STUDENT_AND_TEACHER, {"entry": "teacher.backbone"}),
    Kind("MoCo: query and key encoder, queue", MOCO, {}, r"entry: state_dict\.module\.encoder_. or entry"),
    Kind("MoCo: query and key encoder, queue", MOCO, {"entry": "state_dict.module.encoder_q"}),
    Kind("`last` and `best`", torch_file(lambda w: {"last": other(w), "best": w}), {}, TWO),
    Kind("`last` and `best`", torch_file(lambda w: {"last": other(w), "best": w}), {"entry": "best"}),
    Kind("a state dict, and an accuracy as `best`", torch_file(lambda w: {"model": w, "best": torch.tensor(0.9)})),
    Kind("`ema` beside `model`, the same values", torch_file(lambda w: {"model": w, "ema": behind("module.", w)})),
    Kind("robustness: attacker, normaliser, dill'ed schedule", torch_file(robustness), carries_normalisation=True),
    Kind("robustness, an attacker of other weights", OTHER_ATTACKER, {}, TWO),
    Kind("robustness, an attacker of other weights", OTHER_ATTACKER, {"entry": "model.module.model"}, carries_normalisation=True),
    Kind(
        "`Sequential(normalise, network)`: `0.means`, `0.sds`, `1.`",
        torch_file(lambda w: {"state_dict": {"0.means": torch.tensor(MEAN), "0.sds": torch.tensor(STD), **behind("1.", w)}}),
        carries_normalisation=True,
    ),
    Kind(
        "`mu` and `sigma` of shape (1, 3, 1, 1)",
        torch_file(lambda w: {"mu": torch.tensor(MEAN).view(1, 3, 1, 1), "sigma": torch.tensor(STD).view(1, 3, 1, 1), **w}),
        carries_normalisation=True,
    ),
    Kind(
        "a mean of pixels in [0, 255]",
        torch_file(lambda w: {"mean": 255 * torch.tensor(MEAN), "std": 255 * torch.tensor(STD), **w}),
        refused=r"not of pixels in \[0, 1\]",
    ),
    Kind("Lightning", torch_file(lambda w: lightning(w, lr=0.1))),
    Kind("Lightning, argparse.Namespace in hyperparameters", torch_file(lambda w: lightning(w, args=NAMESPACE))),
    Kind("Lightning, pathlib.Path in hyperparameters", torch_file(lambda w: lightning(w, root=Path("data")))),
    Kind("Lightning, OmegaConf in hyperparameters", torch_file(_omegaconf)),
    Kind("timm and DeiT: `args`", under("state_dict", args=NAMESPACE, version=2, metric=71.2)),
    Kind(
        "timm and DeiT: `args`, before 1.6",
        torch_file(lambda w: {"model": w, "args": NAMESPACE}, _use_new_zipfile_serialization=False),
    ),
    Kind("code in a pickle, which is not run", torch_file(lambda w: {"model": w, "more": Schedule()})),
    Kind("a pickled model", torch_file(_pickled)),
    Kind("a pickled DataParallel model", torch_file(lambda w: _pickled(w, nn.DataParallel))),
    Kind("float16", torch_file(lambda w: {name: v.half() if v.is_floating_point() else v for name, v in w.items()})),
    Kind("bfloat16", torch_file(lambda w: {name: v.bfloat16() if v.is_floating_point() else v for name, v in w.items()})),
    Kind("float64", torch_file(lambda w: {name: v.double() if v.is_floating_point() else v for name, v in w.items()})),
    Kind("parameters as nn.Parameter", torch_file(lambda w: {n: nn.Parameter(v, v.is_floating_point()) for n, v in w.items()})),
    Kind("safetensors", safetensors()),
    Kind("safetensors, bfloat16", safetensors(lambda w: {n: v.bfloat16() if v.is_floating_point() else v for n, v in w.items()})),
    Kind("safetensors, names behind `model.`", safetensors(lambda w: behind("model.", w))),
    Kind("safetensors shards, their index", sharded()),
    Kind("safetensors shards, their folder", sharded(folder_only=True)),
    Kind("safetensors shards without an index, their folder", sharded(folder_only=True, index=False)),
    Kind("pytorch_model.bin shards, their index", sharded("bin")),
    Kind("a folder with config.json, model.safetensors, pytorch_model.bin", _downloaded),
    Kind(
        "an index that leads out of its folder",
        sharded(change=lambda m: m.update({"fc.bias": "../a.pt"})),
        {},
        "no file of its own",
    ),
    Kind("an index that does not list a tensor", sharded(change=lambda m: m.pop("fc.bias")), {}, "does not hold what .* says"),
    Kind("an index of which a shard is missing", sharded(change=lambda m: m.update({"fc.bias": "b.pt"})), {}, "there is none"),
    Kind("a JSON text", text(b'{"architectures": ["Net"]}', "config.json"), {}, "Give the file with the weights"),
    Kind("weights.tar with one checkpoint", tar("weights.pt")),
    Kind("weights.tar with a safetensors file and a text", tar("model.safetensors", "README.txt")),
    Kind("weights.tar with two checkpoints", tar("a.pt", "b.pt"), {}, "Give the one with weights"),
    Kind("weights.pth.tar that is no tar archive", torch_file(lambda w: {"state_dict": behind("module.", w)}, "weights.pth.tar")),
    Kind("npz", arrays()),
    Kind("npz, float16", arrays(lambda w: {n: v.half() if v.is_floating_point() else v for n, v in w.items()})),
    Kind("NumPy arrays in a file of torch.save", torch_file(lambda w: {"model": _numpy(w)})),
    Kind("NumPy arrays in a pickle (detectron2)", _detectron),
    Kind("a backbone without its classifier", torch_file(BACKBONE), {}, "missing='head'"),
    Kind("a backbone without its classifier", torch_file(BACKBONE), {"missing": "head"}),
    Kind(
        "a backbone with a projection head",
        torch_file(lambda w: {**BACKBONE(w), "fc.0.weight": torch.ones(2)}),
        {"missing": "head"},
    ),
    Kind("without num_batches_tracked and position_ids", torch_file(_without("num_batches_tracked", "position_ids"))),
    Kind("without running_mean", torch_file(_without("running_mean")), {}, "2 missing, 0 unexpected"),
    Kind(
        "another number of classes",
        torch_file(lambda w: {**w, "fc.weight": torch.ones(9, 4)}),
        {},
        "with the checkpoint's width and",
    ),
    Kind("other names", torch_file(_respelt("fc.", "classifier.")), {}, r"nearest in the file: 'classifier\.weight'"),
    Kind("a value that is NaN", torch_file(lambda w: {**w, "fc.bias": w["fc.bias"] / 0}), {}, "NaN or infinity"),
    Kind("a sparse tensor", torch_file(lambda w: {**w, "fc.weight": w["fc.weight"].to_sparse()}), {}, r"to_dense\(\)"),
    Kind("TorchScript", _script, {}, r"Save its state_dict\(\)"),
    Kind("compressed with gzip", _gzipped, {}, "Unpack it"),
    Kind("an HTML page", text(b"<!DOCTYPE html><html></html>"), {}, "a link for downloads"),
    Kind("a Git LFS pointer", text(LFS), {}, "git lfs pull"),
    Kind("HDF5 (Keras)", text(b"\x89HDF\r\n\x1a\n" + bytes(600)), {}, "Convert it to safetensors"),
    Kind("an entry that is not there", under("state_dict"), {"entry": "state_dict_ema"}, "Did you mean 'state_dict'"),
]
