"""Checkpoint files of any content: the weights that the file holds, or `CheckpointError` in one line; never anything else."""

import io
import pickle
import pickletools
import resource
import tempfile
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from stir.errors import CheckpointError
from stir.models import load_checkpoint, read_metadata, read_model
from stir.models.weight_files import read_weights

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.bool, torch.complex64]
FORMATS = ["safetensors", "zip", "legacy"]
MEMORY = 400 * 2**20
"""More bytes than any input may take: all are of a few kilobytes."""


def _model():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def _saved(content, kind):
    if kind == "safetensors":
        return save(content)
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=kind == "zip")
    return file.getvalue()


GOOD = {kind: _saved({name: value.clone() for name, value in _model().state_dict().items()}, kind) for kind in FORMATS}
EXPLICIT = _saved({"state_dict": {"a": torch.ones(2)}, "note": b"a", "numbers": {1, 2.5}}, "zip")
BEGINNINGS = [b"PK\x03\x04", b"\x80\x02", GOOD["legacy"][:15], b"\x20" + bytes(7) + b"{"]


def _trial(content, counts, surface):
    """Load a file, and count what came of it; return the model, or None if it was refused."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.file"
        path.write_bytes(content)
        try:
            model = load_checkpoint(_model(), path)
        except CheckpointError as error:
            _is_good_message(str(error))
            model, outcome = None, "refused: CheckpointError"
        else:
            outcome = "loaded: what the file holds"
            _holds(model, read_weights(path))
        for read in (read_metadata, read_model):
            try:
                read(path)
            except CheckpointError as error:
                _is_good_message(str(error))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY
    counts[surface, outcome] += 1
    return model


def _is_good_message(message):
    assert "weights.file" in message
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 2000


def _holds(model, weights):
    """See that each value of the model is in the file, under a name that ends as the model's."""
    for name, mine in model.state_dict().items():
        found = [value for each, value in weights.items() if f".{each}".endswith(f".{name}") and value.shape == mine.shape]
        same = [value for value in found if torch.equal(mine.nan_to_num(), value.to(mine.dtype).nan_to_num())]
        assert same or (name == "1.num_batches_tracked" and mine == 0), name


@st.composite
def mutated(draw, good):
    """Change, remove, insert, double or move some bytes of a good file."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, max(len(content) - 1, 0))), draw(st.sampled_from([1, 1, 1, 2, 8, 64]))
        match draw(st.sampled_from(["change", "remove", "insert", "double", "cut"])):
            case "change":
                content[at : at + length] = draw(st.binary(min_size=length, max_size=length))
            case "remove":
                del content[at : at + length]
            case "insert":
                content[at:at] = draw(st.binary(min_size=length, max_size=length))
            case "double":
                content[at:at] = content[at : at + length]
            case "cut":
                del content[at:]
    return bytes(content)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files(counts, kind):
    @given(mutated(GOOD[kind]))
    def check(content):
        _trial(content, counts, f"checkpoint files: damaged {kind}")

    check()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("good", [GOOD["zip"], EXPLICIT], ids=["plain", "more"])
def test_damaged_instructions_in_a_sound_archive(counts, good):
    """No checksum stands between them and the reader."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    (instructions,) = [name for name in entries if name.endswith("/data.pkl")]

    @given(mutated(entries[instructions]))
    def check(damaged):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, entry in entries.items():
                archive.writestr(name, damaged if name == instructions else entry)
        _trial(content.getvalue(), counts, "checkpoint files: damaged pickle in a zip")

    check()


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            bytes.__add__,
            st.sampled_from([b"PK\x03\x04", b"\x80\x02", GOOD["legacy"][:15], b"\x20" + bytes(7) + b"{"]),
            st.binary(),
        ),
    )
)
def test_files_of_anything(counts, content):
    _trial(content, counts, "checkpoint files: any bytes")


NAMES = st.one_of(
    st.sampled_from([*_model().state_dict(), *[f"module.{name}" for name in _model().state_dict()], "state_dict", "model"]),
    st.text(max_size=20),
)
KEYS = st.one_of(NAMES, st.integers(), st.tuples(st.integers()))
TENSORS = st.builds(
    lambda shape, dtype, fill: torch.full(shape, fill).to(dtype),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from(DTYPES),
    st.sampled_from([0.0, 1.0, -2.5, 1e30]),
)
VALUES = st.recursive(
    st.one_of(TENSORS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.tuples(inner), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(
    st.one_of(VALUES, st.dictionaries(st.one_of(NAMES, st.integers(), st.tuples(st.integers())), VALUES, max_size=6)),
    st.booleans(),
)
def test_state_dicts_of_anything(counts, content, zipped):
    _trial(_saved(content, "zip" if zipped else "legacy"), counts, "checkpoint files: any content")


@st.composite
def changed_weights(draw):
    """Draw weights of the model of which some are of another kind, shape or value, or are not there."""
    weights = {name: torch.ones_like(value) for name, value in _model().state_dict().items()}
    fits = True
    for name in draw(st.lists(st.sampled_from(sorted(weights)), max_size=2, unique=True)):
        own = weights[name]
        match draw(st.sampled_from(["dtype", "shape", "value", "gone", "renamed"])):
            case "dtype":
                weights[name] = own.to(draw(st.sampled_from(DTYPES)))
                fits &= weights[name].is_floating_point() or (not own.is_floating_point() and not weights[name].is_complex())
            case "shape":
                weights[name] = torch.ones(*own.shape, 2)
                fits = False
            case "value" if own.is_floating_point():
                bad = draw(st.sampled_from([3.5, torch.nan, torch.inf, 1e300]))
                weights[name] = torch.full(own.shape, bad, dtype=torch.float64)
                fits &= bad == 3.5
            case "gone":
                del weights[name]
                fits &= name == "1.num_batches_tracked"
            case "renamed":
                weights[name + "x"] = weights.pop(name)
                fits = False
    prefix = draw(st.sampled_from(["", "module.", "model.", "module.model._orig_mod."]))
    return {prefix + name: value for name, value in weights.items()}, fits


@given(changed_weights(), st.sampled_from(FORMATS))
def test_weights_that_nearly_fit(counts, weights_and_fits, kind):
    weights, fits = weights_and_fits
    model = _trial(_saved(weights, kind), counts, f"checkpoint files: weights that nearly fit, {kind}")
    assert (model is not None) == fits
    if model is not None:
        _holds(model, weights)


class Trap:
    """Leaves a trace when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.lists(NAMES, max_size=3), st.sampled_from(["zip", "legacy", "plain"]), st.integers(0, 2))
def test_code_anywhere(counts, path, kind, more):
    content = Trap()
    for name in path:
        content = {"weight": torch.ones(2), name: content, **dict.fromkeys(range(more))}
    file = pickle.dumps(content, protocol=2) if kind == "plain" else _saved(content, kind)
    assert _trial(file, counts, "checkpoint files: code within") is None
    assert not Trap.sprung


@given(st.lists(st.text(max_size=5), max_size=3), st.sampled_from(["zip", "legacy"]))
def test_code_beside_the_weights(counts, path, kind):
    weights = {name: value.clone() for name, value in _model().state_dict().items()}
    content = Trap()
    for name in path:
        content = {name: content, "note": [Trap(), (Trap(), 1)]}
    file = _saved({"state_dict": weights, "more": content}, kind)
    assert _trial(file, counts, "checkpoint files: code beside weights") is not None
    assert not Trap.sprung


INSTRUCTIONS = [each.code.encode("latin1") for each in pickletools.opcodes]
PIECES = [b"\0", b"\1\0\0\0a", b"cos\nsystem\n", b"X\1\0\0\0a", b"\xff\xff\xff\x7f", b")R", b"}b", b"\x85Q", b"(", b"h\0", b"K\1"]


@given(st.lists(st.one_of(st.sampled_from(INSTRUCTIONS), st.sampled_from(PIECES)), max_size=30))
def test_instructions_in_any_order(counts, parts):
    """At the end of a sound pickle, which has tensors, a memo and names of functions to play with."""
    with zipfile.ZipFile(io.BytesIO(GOOD["zip"])) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, entry in entries.items():
            archive.writestr(name, entry[:-1] + b"".join(parts) + b"." if name.endswith("/data.pkl") else entry)
    _trial(content.getvalue(), counts, "checkpoint files: any instructions")
