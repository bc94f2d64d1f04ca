"""Files that are no checkpoints, or hostile ones: said what they are, at once, in bounded memory."""

import io
import json
import os
import pickle
import re
import struct
import sys
import time
import zipfile
from collections import Counter, OrderedDict

import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from stir.errors import CheckpointError
from stir.models import load_checkpoint, pickles, read_metadata, read_model
from stir.models.weight_files import read_weights


def refusal(path, model=None):
    """Try to load, and return the one line that says why not."""
    started = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(model or nn.Linear(2, 2), path)
    assert time.process_time() - started < 20
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    assert "\x1b" not in message
    assert len(message) < 1500
    return message


def written(path, content):
    path.write_bytes(content)
    return path


def saved(content, path, **settings):
    torch.save(content, path, **settings)
    return path


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is an HTML page"),
        (b"<HTML>", "is an HTML page"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is an XML text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer.*Run `git lfs pull`"),
        (b'{"weight": [1, 2]}', "is a JSON text"),
        (b'{"a": [{"weight": [1, 2]}]}', "is a JSON text"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "is an HDF5 file"),
        (b"\x93NUMPY\x01\x00v\x00", "is a NumPy array"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "compressed with gzip"),
        (bytes(257) + b"ustar\x0000" + bytes(500), "is a damaged tar archive"),
        (bytes(range(40, 140)), "is neither safetensors nor a file of torch.save: it begins with"),
        (pickle.dumps({"a": 1}, protocol=2), "is a pickle that torch.save did not write"),
        (pickle.dumps({"a": 1}, protocol=5), "is a pickle that torch.save did not write"),
        (pickle.dumps({"a": 1}, protocol=0), "is neither safetensors nor a file of torch.save"),
        (b"\x80\x02(dp0\n.", "is a pickle with the instruction DICT"),
        (pickle.dumps(os.getcwd, protocol=2), "is a pickle that torch.save did not write"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_is_called_what_it_is(tmp_path, content, what):
    message = refusal(written(tmp_path / "weights.pt", content))
    assert re.search(what, message), message
    assert "code" not in message or "code" in what


def test_archives_that_are_no_checkpoints_are_called_what_they_are(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.pt", "w") as archive:
        archive.writestr("a.txt", "a")
    assert "is a zip archive, but not of torch.save: it holds ['a.txt']" in refusal(tmp_path / "photos.pt")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/code/__torch__.py", "def forward(self): pass")
        archive.writestr("script/data.pkl", b"")
    assert "is a TorchScript archive" in refusal(tmp_path / "script.pt")


def test_no_file_is_read_that_is_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "dangling.pt").symlink_to(tmp_path / "gone.pt")
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    (tmp_path / "zeros.pt").symlink_to("/dev/zero")
    (tmp_path / "folder.pt").mkdir()
    for name, what in [
        ("pipe", "named pipe"),
        ("dangling", "a link to"),
        ("loop", "link"),
        ("zeros", "device"),
        ("folder", "folder"),
    ]:
        assert what in refusal(tmp_path / f"{name}.pt")
    for odd in (
        "~nosuchuser/weights.pt",
        "a\0weights.pt",
        "x" * 5000 + "weights.pt",
        "ftp://example.org/weights.pt",
        "a\nweights.pt",
    ):
        with pytest.raises(CheckpointError, match=r"Expected a (checkpoint file|path or a URL)[^\n]*weights\.pt[^\n]*\Z"):
            load_checkpoint(nn.Linear(2, 2), odd)
    with pytest.raises(CheckpointError, match="named pipe"):
        read_metadata(tmp_path / "pipe.pt")


def test_a_pickle_bomb_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "MAX_STEPS", 20_000)
    content = io.BytesIO()
    torch.save({"a": torch.ones(2)}, content)
    bombs = {
        "far more": b"\x80\x02(" + b"\x8f" * 30_000 + b"t.",
        "than a state dict": b"\x80\x02(" + b"}" * 30_000 + b"t.",
    }  # fmt: skip
    for what, bomb in bombs.items():
        path = tmp_path / "weights.pt"
        with zipfile.ZipFile(io.BytesIO(content.getvalue())) as good, zipfile.ZipFile(path, "w") as bad:
            for entry in good.namelist():
                bad.writestr(entry, bomb if entry.endswith("data.pkl") else good.read(entry))
        assert what in refusal(path)
        assert what in refusal(written(tmp_path / "legacy.pt", legacy(bomb)))


def legacy(content):
    """Put a pickle where a file of the old format has its own."""
    whole = io.BytesIO()
    torch.save({"a": torch.ones(2)}, whole, _use_new_zipfile_serialization=False)
    whole.seek(0)
    for _ in range(3):
        pickle.load(whole)
    return whole.getvalue()[: whole.tell()] + content


def test_a_list_that_is_copied_again_and_again_is_refused(tmp_path):
    copied = b"\x80\x02(ccollections\nOrderedDict\nq\0](" + b"K\1K\1\x86" * 20_000 + b"eq\1\x85q\2" + b"h\0h\2R" * 200 + b"t."
    assert "would unpack to far more" in refusal(written(tmp_path / "weights.pt", legacy(copied)))


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}, protocol=2))
        for number in range(4):
            archive.writestr(f"a/data/{number}", bytes(10_000_000))
    assert "would unpack from" in refusal(tmp_path / "weights.pt")


def test_one_name_twice_in_an_archive_is_refused(tmp_path):
    """PyTorch's reader and Python's could take one each; the first takes capitals for small letters."""
    with zipfile.ZipFile(tmp_path / "weights.pt", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("a/DATA.pkl", pickle.dumps({"a": 1}, protocol=2))
    assert "one name twice" in refusal(tmp_path / "weights.pt")


@pytest.mark.parametrize("change", [(b"e.", b"e)."), (b"e.", b"0]."), (b"](X", b"](h\1X"), (b"](X", b"]K\0(X")])
def test_a_storage_that_an_old_file_does_not_list_is_refused(tmp_path, change):
    """PyTorch would leave it as the memory was: other weights each time."""
    path = saved(
        {"weight": torch.ones(2, 2), "bias": torch.ones(2)}, tmp_path / "weights.pt", _use_new_zipfile_serialization=False
    )
    content = path.read_bytes().replace(b"]q\0(X", b"](X")  # the list of storages is not used again
    at = content.rindex(change[0])
    assert "damaged" in refusal(written(path, content[:at] + change[1] + content[at + len(change[0]) :]))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_storage_that_is_shorter_than_it_says_is_refused(tmp_path, zipped):
    path = saved({"weight": torch.ones(100)}, tmp_path / "weights.pt", _use_new_zipfile_serialization=zipped)
    old, new = b"X\3\0\0\0cpuq\6Kd", b"X\3\0\0\0cpuq\6J\xff\xff\xff\x7f"
    if zipped:
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content.replace(old, new))
    else:
        path.write_bytes(path.read_bytes().replace(old, new))
    assert "promises 8,589,934,588 bytes at 'weight'" in refusal(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({0: torch.ones(2)}, "2 missing, 1 unexpected"),
        ({("b",): torch.ones(2)}, "holds no state dict: expected name -> tensor"),
        ({"weight": torch.ones(2, 2), "epoch": 3}, "Its 'epoch' (int) is no tensor"),
        ({"model": {"weight": torch.ones(2, 2), "bias": None}}, "Its 'model.bias' (NoneType) is no tensor"),
        ({"weight": torch.eye(2).to_sparse(), "bias": torch.ones(2)}, "at 'weight', a sparse tensor"),
        ({"weight": torch.empty(2, 2, device="meta"), "bias": torch.ones(2)}, "at 'weight', a meta tensor"),
        ({"weight": torch.ones(2, 2, dtype=torch.cfloat).conj(), "bias": torch.ones(2)}, "at 'weight', a conjugate"),
        ({"weight": torch.ones(2).bfloat16(), "bias": torch.ones(2)}, "'weight' of shape (2, 2); got (2,)"),
        ({"model." * 1500 + "weight": torch.ones(2, 2)}, "2 missing, 1 unexpected"),
        ({key: {"weight": torch.full((2, 2), len(key)), "bias": torch.ones(2)} for key in ("last", "a")}, "'a' and 'last'"),
        (OrderedDict(nothing=Counter("abc")), "got a value of type collections.Counter at 'nothing'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts_of_anything_else_are_refused_with_the_entry_named(tmp_path, content, what, zipped):
    assert what in refusal(saved(content, tmp_path / "weights.pt", _use_new_zipfile_serialization=zipped))


@pytest.mark.filterwarnings("ignore:torch.ao.quantization:DeprecationWarning", "ignore:.*quantize.*")
def test_a_quantised_tensor_is_refused_with_the_entry_named(tmp_path):
    quantised = torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8)
    assert "at 'weight', a quantised tensor" in refusal(
        saved({"weight": quantised, "bias": torch.ones(2)}, tmp_path / "weights.pt")
    )


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 10**18) + b"{}",
        struct.pack("<Q", 10**12) + b"{}",
        safetensors({"weight": entry(0, 16, [2, 2]), "bias": entry(8, 16, [2])}, bytes(16)),
        safetensors({"weight": entry(0, 16, [2, 2]), "bias": entry(16, 24, [2])}, bytes(16)),
        safetensors({"weight": entry(0, 16, [2**62, 4])}, bytes(16)),
        safetensors({"weight": entry(16, 0, [2, 2])}, bytes(16)),
        safetensors({"weight": entry(0, 16, [2, 2], "F99")}, bytes(16)),
        safetensors(b'{"weight":' + b"[" * 900_000, bytes(16)),
        safetensors(b'{"a":' * 900 + b"1" + b"}" * 900, bytes(16)),
        safetensors(b"[]"),
        safetensors(b'{"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, '
                    b'"weight": {"dtype": "I32", "shape": [1], "data_offsets": [0, 4]}}', bytes(4)),
        save({"weight": torch.eye(2)}) + b"more",
        save({"weight": torch.eye(2)})[:-1],
    ],
    ids=["1e18", "1e12", "overlap", "beyond", "overflow", "backwards", "dtype", "deep", "nested", "list", "twice", "more", "cut"],
)  # fmt: skip
def test_hostile_safetensors_are_refused(tmp_path, content):
    path = written(tmp_path / "weights.safetensors", content)
    refusal(path)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        read_model(path)


@pytest.mark.parametrize(
    "said",
    [
        {"name": "resnet8", "width": 10**9, "channels": 1, "classes": 10},
        {"name": "resnet8", "width": 4, "channels": 1, "classes": 10**9},
        {"name": "resnet99", "width": 4, "channels": 1, "classes": 10},
        {"name": "resnet8", "width": "4", "channels": 1, "classes": 10},
        {"name": ["resnet8"], "width": 4, "channels": 1, "classes": 10},
        {"nome": "resnet8"},
        [1, 2],
        None,
    ],
    ids=str,
)
def test_an_architecture_that_a_file_cannot_have_is_refused(tmp_path, said):
    save_file({"a": torch.ones(2)}, tmp_path / "weights.safetensors", {"stir": json.dumps({"architecture": said})})
    with pytest.raises(CheckpointError, match=r"weights\.safetensors says an architecture that cannot be its"):
        read_model(tmp_path / "weights.safetensors")


def test_metadata_that_are_no_mapping_are_refused(tmp_path):
    for text in ("[1]", "3", "[" * 100_000, "{"):
        save_file({"a": torch.ones(2)}, tmp_path / "weights.safetensors", {"stir": text})
        with pytest.raises(CheckpointError, match="does not say its architecture"):
            read_metadata(tmp_path / "weights.safetensors")


def test_what_state_dicts_carry_beside_the_weights_is_no_hindrance(tmp_path):
    weights = {"weight": torch.eye(2), "bias": nn.Parameter(torch.ones(2)), "count": torch.tensor(3, dtype=torch.int16)}
    beside = {
        "note": b"abc",
        "milestones": Counter([1, 2]),
        "seen": {1, 2},
        "z": 1j,
        "device": torch.device("cpu"),
        "t": (1, 2**70),
    }
    for zipped in (True, False):
        path = saved({"state_dict": weights, **beside}, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
        assert all(torch.equal(value, weights[name[len("state_dict.") :]]) for name, value in read_weights(path).items())


def archived(path, pickled, storages=()):
    """Write a zip archive of torch.save with another pickle, and storages of so many bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        for key, n_bytes in storages:
            archive.writestr(f"a/data/{key}", bytes(n_bytes))
    return path


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def storage(key="0", kind="FloatStorage", count=4, module="torch"):
    return b"(" + text("storage") + f"c{module}\n{kind}\n".encode() + text(key) + text("cpu") + b"K" + bytes([count]) + b"tQ"


def tensor(shape, stride, offset=0, **of):
    """Pickle `_rebuild_tensor_v2`; shape and stride are instructions."""
    called = b"ctorch._utils\n_rebuild_tensor_v2\n("
    return called + storage(**of) + b"K" + bytes([offset]) + shape + stride + b"\x89" + b"ccollections\nOrderedDict\n)RtR"


def state_dict(**values):
    return b"\x80\x02}(" + b"".join(text(name) + value for name, value in values.items()) + b"u."


HUGE = b"\x8a\x08" + b"\xff" * 7 + b"\x7f"
PAIR, ONE = b"K\2K\2\x86", b"K\2\x85"
BIAS = tensor(ONE, b"K\1\x85", key="1", count=2)


@pytest.mark.parametrize(
    "weight",
    [
        tensor(PAIR, b"K\2K\1\x86", offset=1),
        tensor(b"K\2K\3\x86", b"K\3K\1\x86"),
        tensor(PAIR, b"K\2\x85"),
        tensor(HUGE + HUGE + b"\x86", b"K\0K\0\x86"),
        tensor(b"J\xff\xff\xff\xffK\2\x86", b"K\2K\1\x86"),
        tensor(text("22"), text("21")),
        tensor(b"(" + b"K\1" * 100 + b"t", b"(" + b"K\1" * 100 + b"t"),
        tensor(PAIR, b"K\2K\1\x86", key="2"),
        tensor(PAIR, b"K\2K\1\x86", kind="FlotStorage"),
        tensor(PAIR, b"K\2K\1\x86", key="1"),
        tensor(PAIR, b"K\2K\1\x86", count=5),
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        b"ctorch._utils\n_rebuild_tensor_v2\n(NK\0" + PAIR + PAIR + b"\x89NtR",
    ],
    ids=[
        "offset",
        "shape",
        "stride",
        "overflow",
        "negative",
        "text",
        "dimensions",
        "no storage",
        "kind",
        "two kinds",
        "cut",
        "none",
        "null",
    ],
)
def test_a_tensor_that_its_storage_cannot_hold_is_refused(tmp_path, weight):
    path = archived(tmp_path / "weights.pt", state_dict(bias=BIAS, weight=weight), [("0", 16), ("1", 8)])
    assert re.search("damaged|cut or altered", refusal(path))


def test_the_tensors_that_these_are_made_of_are_sound(tmp_path):
    good = state_dict(bias=BIAS, weight=tensor(PAIR, b"K\2K\1\x86"))
    model = load_checkpoint(nn.Linear(2, 2), archived(tmp_path / "weights.pt", good, [("0", 16), ("1", 8)]))
    assert not model.weight.any()


def test_nothing_is_imported_or_called_that_a_pickle_names(tmp_path, monkeypatch):
    """Neither by a global, a call, a state, a persistent identifier nor a number of the registry of extensions."""
    made = []
    for name in ("os.system", "subprocess.Popen", "os.path.os.walk"):
        monkeypatch.setattr(name, lambda *_, **__: made.append(1))
    before = set(sys.modules)
    called = b"cos\nsystem\n" + text("id") + b"\x85R"
    built = b"csubprocess\nPopen\n)\x81}" + text("__class__") + b"cos\nsystem\nsb"
    dotted = b"\x8c\x02os" + b"\x8c\x0cpath.os.walk" + b"\x93)R"
    for hostile in (
        called,
        built,
        dotted,
        b"cantigravity\nx\n)R",
        b"cc\\ollections\nx\n",
        b"(" + text("module") + b"cos\nsystem\nNNtQ",
    ):
        content = state_dict(bias=BIAS, weight=tensor(PAIR, b"K\2K\1\x86"), more=hostile)
        load_checkpoint(nn.Linear(2, 2), archived(tmp_path / "weights.pt", content, [("0", 16), ("1", 8)]))
    assert not made
    assert set(sys.modules) == before
    content = state_dict(bias=BIAS, weight=b"\x82\x01")
    assert "EXT1" in refusal(archived(tmp_path / "weights.pt", content, [("1", 8)]))


@pytest.mark.parametrize("again", [b"]", b"}", b")"], ids=["lists", "mappings", "tuples"])
def test_values_within_values_again_and_again_take_no_time(tmp_path, again):
    """Each level holds the one below twice: what goes through all of them goes through 2 to the power of 60."""
    levels = again + b"q\0"
    for _ in range(60):
        if again == b"]":
            levels += b"](h\0h\0eq\0"
        elif again == b"}":
            levels += b"}(" + text("a") + b"h\0" + text("b") + b"h\0uq\0"
        else:
            levels += b"h\0h\0\x86q\0"
    path = archived(tmp_path / "weights.pt", state_dict(bias=BIAS, weight=levels), [("1", 8)])
    assert re.search("far more than state dicts|1 missing", refusal(path))
    key = archived(tmp_path / "keys.pt", b"\x80\x02}" + levels + BIAS + b"s.", [("1", 8)])
    refusal(key)


def test_a_mapping_within_itself_is_refused(tmp_path):
    assert "state dict" in refusal(archived(tmp_path / "weights.pt", b"\x80\x02}q\0" + text("a") + b"h\0s."))


def test_stand_ins_are_bounded_in_number(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "MAX_STAND_INS", 1000)
    path = archived(tmp_path / "weights.pt", b"\x80\x02](" + b"cos\nsystem\n)R" * 2000 + b"e.")
    assert "more than 1,000 objects that are no weights" in refusal(path)
