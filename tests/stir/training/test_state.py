"""An interrupted training gives the same bits as an uninterrupted one."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from stir import snapshots
from stir.training import Attack, Monitor, Snapshot, TrainingRecipe, train

VANILLA = TrainingRecipe("vanilla", epochs=4, batch_size=32, learning_rate=0.1, momentum=0.9, weight_decay=5e-4)
AT = replace(VANILLA, objective="at", attack=Attack("l2", 0.5, 2, 0.3))
RANDOM = replace(AT.attack, random_start=True)
RECIPES = {
    "vanilla": VANILLA,
    "at": AT,
    "plain": replace(VANILLA, momentum=0.0),
    "step": replace(VANILLA, schedule="step"),
    "trades": replace(AT, objective="trades", attack=RANDOM, augmentation="flip"),
    "mart": replace(AT, objective="mart", attack=RANDOM, augmentation="crop_flip"),
    "bfloat16": replace(AT, precision="bfloat16"),
    "monitored": replace(VANILLA, monitor=Monitor(20, AT.attack)),
}
N = 100
BATCHES = 4


def _net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(144, 10))


@pytest.fixture(autouse=True)
def _one_thread():
    """Small products are not worth two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data(digits):
    return digits[0][:N].clone(), digits[1][:N].clone()


class Training:
    """Call `train` once; optionally, the model fails at one of its passes."""

    def __init__(self, data, recipe, snapshot=None, *, model=None, random_seed=0, fail_at=None):
        self.model, self.passes = model or _net(), 0
        self.generator = torch.Generator().manual_seed(random_seed)
        self.fail_at = fail_at
        hook = self.model.register_forward_pre_hook(self._count)
        try:
            self.curve = train(self.model, *data, recipe, generator=self.generator, monitored=data, snapshot=snapshot)
        finally:
            hook.remove()

    def _count(self, _model, _inputs):
        self.passes += 1
        if self.passes == self.fail_at:
            raise KeyboardInterrupt

    def assert_same(self, other):
        assert self.curve == other.curve
        torch.testing.assert_close(dict(self.model.state_dict()), dict(other.model.state_dict()), rtol=0, atol=0)
        assert torch.equal(self.generator.get_state(), other.generator.get_state())
        assert not any(module.training for module in self.model.modules())


def _always(path):
    return Snapshot(path, seconds=0)


def _interrupted(path, data, recipe, *, at):
    with pytest.raises(KeyboardInterrupt):
        Training(data, recipe, _always(path), fail_at=at)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("into_the_epoch", [1, 3])
@pytest.mark.parametrize("epochs_done", [0, 1, 2, 3])
def test_interrupted_at_the_boundary_of_an_epoch_or_within(tmp_path, data, name, epochs_done, into_the_epoch):
    recipe, path = RECIPES[name], tmp_path / "state.tmp"
    whole = Training(data, recipe)
    an_epoch = whole.passes // recipe.epochs
    _interrupted(path, data, recipe, at=epochs_done * an_epoch + into_the_epoch)
    assert path.is_file() == (epochs_done > 0)
    resumed = Training(data, recipe, _always(path))
    resumed.assert_same(whole)
    assert resumed.passes == (recipe.epochs - epochs_done) * an_epoch, "the epochs done are not done again"


def test_interrupted_again_and_again(tmp_path, data):
    path, whole = tmp_path / "state.tmp", Training(data, VANILLA)
    for _ in range(VANILLA.epochs - 1):
        _interrupted(path, data, VANILLA, at=BATCHES + 1)
    resumed = Training(data, VANILLA, _always(path))
    resumed.assert_same(whole)
    assert resumed.passes == BATCHES


def test_ended_but_its_result_lost(tmp_path, data):
    whole = Training(data, VANILLA, _always(tmp_path / "state.tmp"))
    resumed = Training(data, VANILLA, _always(tmp_path / "state.tmp"))
    resumed.assert_same(whole)
    assert resumed.passes == 0


def test_a_snapshot_changes_no_bit(tmp_path, data):
    Training(data, VANILLA, _always(tmp_path / "state.tmp")).assert_same(Training(data, VANILLA))


def test_the_global_random_state_neither_matters_nor_changes(data):
    torch.manual_seed(1)
    model, other = _net(), _net()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = Training(data, VANILLA, model=model)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    Training(data, VANILLA, model=other).assert_same(first)


def test_what_dropout_draws_changes_from_epoch_to_epoch(data):
    drawn = []
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    model[1].register_forward_hook(lambda _module, _inputs, output: drawn.append(output == 0))
    white = torch.ones_like(data[0])
    Training((white, data[1]), replace(VANILLA, batch_size=N), model=model)
    assert len(drawn) == VANILLA.epochs
    assert not any(torch.equal(drawn[0], other) for other in drawn[1:])


OTHER_RECIPES = [
    {"epochs": 5},
    {"batch_size": 31},
    {"learning_rate": 0.2},
    {"momentum": 0.8},
    {"weight_decay": 0.0},
    {"objective": "at", "attack": AT.attack},
    {"schedule": "step"},
    {"augmentation": "flip"},
    {"precision": "bfloat16"},
    {"monitor": Monitor(20, AT.attack)},
]


def _assert_starts_anew(path, data, recipe, **settings):
    """Assert that a training with a snapshot of a different one starts from scratch."""
    with_snapshot = Training(data, recipe, _always(path), **{name: make() for name, make in settings.items()})
    without = Training(data, recipe, **{name: make() for name, make in settings.items()})
    with_snapshot.assert_same(without)
    assert with_snapshot.passes == without.passes


@pytest.fixture
def path(tmp_path, data):
    """The path of the snapshot of a training that was interrupted in its last epoch."""
    path = tmp_path / "state.tmp"
    _interrupted(path, data, VANILLA, at=3 * BATCHES + 2)
    return path


@pytest.mark.parametrize("change", OTHER_RECIPES)
def test_a_snapshot_of_another_recipe_is_not_taken_up(path, data, change):
    _assert_starts_anew(path, data, replace(VANILLA, **change))


def test_a_snapshot_of_another_attack_is_not_taken_up(tmp_path, data):
    _interrupted(tmp_path / "state.tmp", data, AT, at=40)
    _assert_starts_anew(tmp_path / "state.tmp", data, replace(AT, attack=replace(AT.attack, eps=0.6)))


def test_a_snapshot_of_another_random_seed_is_not_taken_up(path, data):
    _assert_starts_anew(path, data, VANILLA, random_seed=lambda: 1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_snapshot_of_other_data_is_not_taken_up(path, data, which):
    data[which][-1] = 1 - data[which][-1]
    _assert_starts_anew(path, data, VANILLA)


@pytest.mark.parametrize("tensor", ["0.weight", "1.running_var"])
def test_a_snapshot_of_other_initial_weights_or_statistics_is_not_taken_up(path, data, tensor):
    def other():
        model = _net()
        model.state_dict()[tensor].mul_(1.1)
        return model

    _assert_starts_anew(path, data, VANILLA, model=other)


def test_a_snapshot_of_another_architecture_is_not_taken_up(path, data):
    def other():
        model = _net()
        model[2] = nn.GELU()
        return model

    _assert_starts_anew(path, data, VANILLA, model=other)


@pytest.mark.parametrize("what", ["torch", "stir", "code"])
def test_a_snapshot_of_other_versions_is_not_taken_up(monkeypatch, path, data, what):
    if what == "code":
        monkeypatch.setattr(snapshots, "code_version", lambda: "another")
    else:
        versions = snapshots.package_versions() | {what: "another"}
        monkeypatch.setattr(snapshots, "package_versions", lambda: versions)
    _assert_starts_anew(path, data, VANILLA)


def test_a_snapshot_of_another_kind_of_device_is_not_taken_up(path, data):
    state = torch.load(path, weights_only=True)
    assert state["device"] == "cpu"
    torch.save(state | {"device": "a GPU"}, path)
    _assert_starts_anew(path, data, VANILLA)


def test_a_broken_snapshot_is_said_and_left(path, data):
    os.truncate(path, path.stat().st_size // 2)
    with pytest.warns(UserWarning, match="cannot be read"):
        resumed = Training(data, VANILLA, _always(path))
    resumed.assert_same(Training(data, VANILLA))


def test_progress_goes_on_from_the_epochs_done(path, data, capsys, monkeypatch):
    monkeypatch.setattr("stir.progress.SECONDS_BETWEEN_LINES", 0.0)
    generator = torch.Generator().manual_seed(0)
    train(_net(), *data, VANILLA, generator=generator, progress=True, snapshot=_always(path))
    shown = capsys.readouterr().err
    assert "3/4" in shown
    assert "4/4" in shown


KILLED = """
import sys, torch
from pathlib import Path
from stir.training import Attack, Monitor, Snapshot, TrainingRecipe, train
torch.manual_seed(0)
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(),
                          torch.nn.Dropout(), torch.nn.Linear(288, 10))
passes = []
net.register_forward_pre_hook(lambda _module, _inputs: passes.append(1))
recipe = TrainingRecipe("at", 100, 32, 0.1, 0.9, 5e-4, Attack("linf", 0.1, 2, 0.08))
images, labels = torch.rand(300, 1, 8, 8), torch.randint(10, (300,))
snapshot = Snapshot(Path(sys.argv[1]), seconds=float(sys.argv[2]))
curve = train(net, images, labels, recipe, generator=torch.Generator().manual_seed(0), snapshot=snapshot)
torch.save({"weights": net.state_dict(), "curve": curve.to_dict(), "passes": len(passes)}, sys.argv[3])
"""


def _kill_once_written(command, state):
    process = subprocess.Popen(command)
    while process.poll() is None and not state.exists():
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"


def test_sigkill_and_again(tmp_path):
    def command(name, seconds):
        return [sys.executable, "-c", KILLED, tmp_path / f"{name}.tmp", seconds, tmp_path / f"{name}.pt"]

    _kill_once_written(command("killed", "0"), tmp_path / "killed.tmp")
    assert not (tmp_path / "killed.pt").exists()
    for name in ("killed", "whole"):
        subprocess.run(command(name, "1000"), check=True)
    killed, whole = (torch.load(tmp_path / f"{name}.pt") for name in ("killed", "whole"))
    assert killed["curve"] == whole["curve"]
    torch.testing.assert_close(killed["weights"], whole["weights"], rtol=0, atol=0)
    assert killed["passes"] < whole["passes"], "what was done is not done again"
