"""A state on disk is complete, unaltered, and belongs to the same work; problems with it do not end the work."""

import os

import pytest
import torch

from stir.snapshots import Snapshot, digest_of

STATE = {"settings": {"epochs": 3, "attack": None}, "weights": torch.arange(500.0), "losses": [0.5, 0.25]}
EXPECTED = {"settings": {"epochs": 3, "attack": None}, "weights": torch.arange(500.0)}


@pytest.fixture
def path(tmp_path):
    """The path of a written snapshot."""
    Snapshot(tmp_path / "state.tmp", seconds=0).offer(lambda: STATE)
    return tmp_path / "state.tmp"


def _is_state(found):
    plain = all(found[name] == STATE[name] for name in ("settings", "losses"))
    return plain and found.keys() == STATE.keys() and torch.equal(found["weights"], STATE["weights"])


def test_what_was_written_is_read(path):
    assert _is_state(Snapshot(path).load(EXPECTED))
    assert [file.name for file in path.parent.iterdir()] == ["state.tmp"]


@pytest.mark.parametrize(
    "other",
    [
        {"settings": {"epochs": 4, "attack": None}},
        {"weights": torch.arange(500.0) + 1},
        {"weights": torch.arange(499.0)},
        {"weights": 3},
        {"losses": torch.zeros(2)},
        {"device": "cpu"},
    ],
)
def test_a_state_of_other_work_is_left_aside(path, other):
    assert Snapshot(path).load(EXPECTED | other) is None
    assert path.is_file()


def test_it_is_written_no_more_often_than_asked_and_can_be_discarded(tmp_path):
    states = []
    snapshot = Snapshot(tmp_path / "state.tmp", seconds=1000)
    snapshot.offer(lambda: states.append(1))
    assert list(tmp_path.iterdir()) == []
    assert states == []
    Snapshot(tmp_path / "state.tmp", seconds=0).offer(lambda: STATE)
    snapshot.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"half a file", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_snapshot_is_said(path, content):
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"state\.tmp cannot be read \(.*\); the work restarts from scratch"):
        assert Snapshot(path).load(EXPECTED) is None


def test_a_file_that_holds_something_else_is_said(path):
    torch.save([1, 2], path)
    with pytest.warns(UserWarning, match=r"cannot be read \(expected a dictionary, got list\)"):
        assert Snapshot(path).load(EXPECTED) is None


def test_a_file_that_would_run_code_is_not_read(path):
    torch.save({"settings": os.getcwd}, path)
    with pytest.warns(UserWarning, match=r"cannot be read \(Weights only load failed"):
        assert Snapshot(path).load({}) is None


def test_a_flipped_bit_of_a_tensor_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[content.index(STATE["weights"].numpy().tobytes()) + 1000] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"cannot be read \(.*/data/0 does not match its checksum\)"):
        assert Snapshot(path).load({}) is None


@pytest.mark.filterwarnings("ignore:.*cannot be read:UserWarning")
def test_a_flipped_bit_anywhere_changes_nothing_or_is_noticed(path):
    written, noticed = path.read_bytes(), 0
    for place in range(0, len(written), 37):
        content = bytearray(written)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        found = Snapshot(path).load({})
        noticed += found is None
        assert found is None or _is_state(found), place
    assert noticed > 40


@pytest.mark.filterwarnings("ignore:.*cannot be read:UserWarning")
def test_a_cut_file_is_noticed(path):
    written = path.read_bytes()
    for size in range(0, len(written), 97):
        path.write_bytes(written[:size])
        assert Snapshot(path).load({}) is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 64 vs 0")])
def test_a_full_disk_leaves_the_state_before_and_ends_no_work(monkeypatch, path, error):
    def save(state, file):
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", save)
    with pytest.warns(UserWarning, match=r"state\.tmp cannot be written \(.*\); the work continues without it"):
        Snapshot(path, seconds=0).offer(lambda: STATE | {"losses": [1.0]})
    assert _is_state(Snapshot(path).load(EXPECTED))
    assert [file.name for file in path.parent.iterdir()] == ["state.tmp"]


def test_a_kill_while_it_is_written_leaves_the_state_before(monkeypatch, path):
    def killed(_descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            Snapshot(path, seconds=0).offer(lambda: STATE | {"losses": [1.0]})
    snapshot = Snapshot(path)
    assert _is_state(snapshot.load(EXPECTED))
    snapshot.discard()
    assert list(path.parent.iterdir()) == []


TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(7)}


class TestDigest:
    """It changes with every value, name, type and shape, and only with these."""

    @pytest.mark.parametrize(
        "other",
        [
            {"a": torch.arange(6.0).view(3, 2)},
            {"a": torch.arange(6.0).view(2, 3).int()},
            {"a": torch.arange(6.0).view(2, 3).nextafter(torch.tensor(9.0))},
            {"b": torch.tensor([7])},
            {"c": torch.zeros(0)},
        ],
    )
    def test_it_sees(self, other):
        assert digest_of(TENSORS | other) != digest_of(TENSORS)

    def test_strides_and_pieces_do_not_matter(self, monkeypatch):
        transposed = TENSORS | {"a": TENSORS["a"].mT.contiguous().mT}
        assert not transposed["a"].is_contiguous()
        whole = digest_of(TENSORS)
        assert digest_of(transposed) == whole
        monkeypatch.setattr("stir.snapshots.AT_ONCE", 4)
        assert digest_of(transposed) == whole

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.bool, torch.complex64, torch.float64])
    def test_it_takes_every_type(self, dtype):
        assert digest_of({"a": torch.ones(3).to(dtype)}) != digest_of({"a": torch.zeros(3).to(dtype)})


class TestPlantedLinks:
    def test_are_not_written_through(self, tmp_path):
        (tmp_path / "mine").write_bytes(b"mine")
        for name in ("state.tmp", "state.part.tmp"):
            (tmp_path / name).symlink_to("mine")
        Snapshot(tmp_path / "state.tmp", seconds=0).offer(lambda: STATE)
        assert (tmp_path / "mine").read_bytes() == b"mine"
        assert Snapshot(tmp_path / "state.tmp").load({}) is not None

    @pytest.mark.parametrize("what", ["link", "FIFO", "device"])
    def test_and_special_files_are_not_read(self, path, what):
        path.rename(path.with_name("other"))
        if what == "FIFO":
            os.mkfifo(path)
        else:
            path.symlink_to("other" if what == "link" else "/dev/zero")
        with pytest.warns(UserWarning, match=r"state\.tmp cannot be read"):
            assert Snapshot(path).load({}) is None
