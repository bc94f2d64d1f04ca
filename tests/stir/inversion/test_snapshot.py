"""An inversion that was interrupted ends with the same bits as one that was not."""

import gc
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import torch

from stir.inversion import InversionSnapshot, invert
from stir.inversion.problem import InversionProblem
from stir.stored_images import StoredImages

SETTINGS = {"random_seed": 0, "seed_images": "black", "tolerance": 0.02, "batch_size": 5, "max_iterations": 60}
WAYS = [
    {},
    {"precision": "bfloat16"},
    {"method": "lbfgs_adam"},
    {"method": "normalised_gradient", "tolerance": 0.3},
]
pytestmark = pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")


def _interrupt_after(monkeypatch, evaluations):
    """Let the model fail at one of its evaluations; return the count of those made."""
    evaluate, made = InversionProblem.errors_and_gradients, []

    def interrupted(self, images, targets):
        made.append(len(images))
        if len(made) == evaluations:
            raise KeyboardInterrupt
        return evaluate(self, images, targets)

    monkeypatch.setattr(InversionProblem, "errors_and_gradients", interrupted)
    return made


def _leave_a_snapshot(monkeypatch, path, model, images, evaluations, settings):
    with monkeypatch.context() as patch:
        _interrupt_after(patch, evaluations)
        with pytest.raises(KeyboardInterrupt):
            invert(model, images, snapshot=InversionSnapshot(path, seconds=0), **settings)
    assert path.is_file()


def _assert_same(a, b):
    for name in (
        "iri_images",
        "seed_images",
        "inversion_error",
        "seed_error",
        "iterations",
        "correlation",
        "null_correlation",
        "error_curve",
    ):
        torch.testing.assert_close(getattr(a, name)[:], getattr(b, name)[:], rtol=0, atol=0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("evaluations", [3, 20, 40])
def test_interrupted_anywhere(monkeypatch, tmp_path, small_net, images, way, evaluations):
    settings, path = SETTINGS | way, tmp_path / "state.tmp"
    monkeypatch.setattr("stir.inversion.lbfgs_adam.LEAST_FALL", 0.9)  # so that Adam has turns
    whole = invert(small_net, images, **settings)
    _leave_a_snapshot(monkeypatch, path, small_net, images, evaluations, settings)
    with monkeypatch.context() as patch:
        made = _interrupt_after(patch, -1)
        resumed = invert(small_net, images, snapshot=InversionSnapshot(path, seconds=0), **settings)
    _assert_same(resumed, whole)
    with monkeypatch.context() as patch:
        from_the_start = _interrupt_after(patch, -1)
        invert(small_net, images, **settings)
    assert len(made) == len(from_the_start) - evaluations + 2, "what was done is not done again; the first check is"


@pytest.mark.parametrize("change", [{"tolerance": 0.03}, {"random_seed": 1}, {"batch_size": 6}, {"max_iterations": 61}])
def test_a_snapshot_of_other_settings_is_not_taken_up(monkeypatch, tmp_path, small_net, images, change):
    path = tmp_path / "state.tmp"
    _leave_a_snapshot(monkeypatch, path, small_net, images, 20, SETTINGS)
    other = SETTINGS | change
    _assert_same(
        invert(small_net, images, snapshot=InversionSnapshot(path, seconds=0), **other), invert(small_net, images, **other)
    )


def test_a_snapshot_of_other_weights_is_not_taken_up(monkeypatch, tmp_path, small_net, images):
    path = tmp_path / "state.tmp"
    _leave_a_snapshot(monkeypatch, path, small_net, images, 20, SETTINGS)
    with torch.no_grad():
        small_net[0].weight += 0.1
    resumed = invert(small_net, images, snapshot=InversionSnapshot(path, seconds=0), **SETTINGS)
    _assert_same(resumed, invert(small_net, images, **SETTINGS))


def test_a_broken_snapshot_is_said_and_left(monkeypatch, tmp_path, small_net, images):
    path = tmp_path / "state.tmp"
    _leave_a_snapshot(monkeypatch, path, small_net, images, 20, SETTINGS)
    path.write_bytes(b"half a file")
    with pytest.warns(UserWarning, match="cannot be read"):
        result = invert(small_net, images, snapshot=InversionSnapshot(path, seconds=0), **SETTINGS)
    _assert_same(result, invert(small_net, images, **SETTINGS))


@pytest.mark.parametrize("loss", ["gone", "half", "other"])
def test_a_snapshot_without_its_pictures_is_not_taken_up(monkeypatch, tmp_path, small_net, images, loss):
    settings, path, name = SETTINGS | {"precision": "bfloat16"}, tmp_path / "state.tmp", "state.pictures.tmp"
    _leave_a_snapshot(monkeypatch, path, small_net, images, 40, settings)
    gc.collect()
    if loss == "gone":
        (tmp_path / name).unlink()
    elif loss == "half":
        os.truncate(tmp_path / name, 1000)
    else:
        (tmp_path / name).unlink()
        with h5py.File(tmp_path / name, "w") as file:
            file["images"] = images[:5].numpy()
    resumed = invert(small_net, images, snapshot=InversionSnapshot(path, seconds=0), **settings)
    _assert_same(resumed, invert(small_net, images, **settings))


def test_its_files_go_with_it(tmp_path, small_net, images):
    snapshot = InversionSnapshot(tmp_path / "state.tmp", seconds=0)
    invert(small_net, images, snapshot=snapshot, **SETTINGS)
    assert {path.name for path in tmp_path.iterdir()} == {"state.tmp", "state.pictures.tmp"}
    snapshot.discard()
    assert list(tmp_path.iterdir()) == []


def test_images_on_disk_give_what_images_in_memory_give(tmp_path, small_net, images):
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["images"] = np.concatenate([(255 * images).round().byte().numpy(), np.zeros((3, *images.shape[1:]), np.uint8)])
        stored = StoredImages(file["images"], white_level=255, first=len(images))
        for kind in ("normal_noise", "other_image"):
            settings = SETTINGS | {"seed_images": kind}
            from_disk = invert(small_net, stored, snapshot=InversionSnapshot(tmp_path / "state.tmp"), **settings)
            _assert_same(from_disk, invert(small_net, stored[:], **settings))


def test_it_is_written_no_more_often_than_asked_and_can_be_discarded(tmp_path):
    path, states = tmp_path / "state.tmp", []
    snapshot = InversionSnapshot(path, seconds=1000)
    snapshot.offer(lambda: states.append(1))
    assert not path.exists()
    assert states == []
    InversionSnapshot(path, seconds=0).offer(lambda: {"a": 1})
    assert InversionSnapshot(path).load({"a": 1})["a"] == 1
    assert InversionSnapshot(path).load({"a": 2}) is None
    snapshot.discard()
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, torch
from pathlib import Path
from stir.inversion import InversionSnapshot, invert
torch.manual_seed(0)
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Linear(64, 100), torch.nn.Tanh(), torch.nn.Linear(100, 10))
snapshot = InversionSnapshot(Path(sys.argv[1]), seconds=float(sys.argv[2]))
settings = dict(random_seed=0, tolerance=1e-9, max_iterations=int(sys.argv[4]), batch_size=8)
found = invert(net, torch.rand(20, 64), snapshot=snapshot, **settings)
torch.save(found.iri_images[:], sys.argv[3])
"""


def test_sigkill_and_again(tmp_path):
    def command(name, seconds):
        return [sys.executable, "-W", "ignore", "-c", KILLED, tmp_path / f"{name}.tmp", seconds, tmp_path / f"{name}.pt", "600"]

    subprocess.run(command("whole", "1000"), check=True)
    process, state = subprocess.Popen(command("killed", "0")), tmp_path / "killed.tmp"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert not (tmp_path / "killed.pt").exists()
    subprocess.run(command("killed", "1000"), check=True)
    assert torch.equal(torch.load(tmp_path / "killed.pt"), torch.load(tmp_path / "whole.pt"))


def test_a_state_beside_the_pictures_of_another_run_is_not_taken_up(tmp_path):
    """A job that runs twice at once, then is killed: its pictures are those of one, its state may be the other's."""
    path, shape = tmp_path / "state.tmp", (2, 1, 4, 4)
    first, second, third = (InversionSnapshot(path, seconds=0) for _ in range(3))
    first.pictures(shape, torch.float32)
    (tmp_path / "state.pictures.tmp").unlink()
    second.pictures(shape, torch.float32)
    first.offer(lambda: {"a": 1})
    third.pictures(shape, torch.float32)
    assert third.load({"a": 1}) is None
    second.offer(lambda: {"a": 1})
    assert third.load({"a": 1}) is not None


@pytest.mark.parametrize("what", ["link", "FIFO", "external link", "external storage", "virtual"])
def test_pictures_are_written_to_a_file_of_their_own(tmp_path, what):
    """Whatever was planted under their name, nothing is written to where it leads."""
    shape, place, mine = (2, 1, 4, 4), tmp_path / "state.pictures.tmp", tmp_path / "mine.h5"
    with h5py.File(mine, "w") as file:
        file.create_dataset("images", shape, dtype="float32").attrs["name"] = "mine"
    before = mine.read_bytes()
    if what == "link":
        place.symlink_to(mine)
    elif what == "FIFO":
        os.mkfifo(place)
    else:
        with h5py.File(place, "w") as file:
            if what == "external link":
                file["images"] = h5py.ExternalLink(str(mine), "images")
            elif what == "virtual":
                layout = h5py.VirtualLayout(shape, "float32")
                layout[:] = h5py.VirtualSource(str(mine), "images", shape)
                file.create_virtual_dataset("images", layout).attrs["name"] = "x"
            else:
                storage = [(str(mine), 0, h5py.h5f.UNLIMITED)]
                file.create_dataset("images", shape, dtype="float32", external=storage).attrs["name"] = "x"
    snapshot = InversionSnapshot(tmp_path / "state.tmp", seconds=0)
    snapshot.pictures(shape, torch.float32)[torch.tensor([0, 1])] = torch.ones(shape)
    snapshot.offer(lambda: {})
    snapshot.discard()
    assert mine.read_bytes() == before
