"""Preparing the fast forward pass never ends an inversion that the model as given could do."""

import importlib
import re
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from stir.errors import InvalidInputError, PrecisionWarning
from stir.inversion import InversionSnapshot, invert
from stir.inversion.batched import run
from stir.inversion.descent import Stopping
from stir.inversion.fake_relu import check_fake_last_relu
from stir.inversion.fast_forward import fast_forwards
from stir.inversion.lbfgs import LBFGS
from stir.inversion.problem import InversionProblem
from stir.inversion.state import Work
from tests.stir.inversion.descending import Goal

fast_forward = importlib.import_module("stir.inversion.fast_forward")
pytestmark = pytest.mark.filterwarnings(
    "ignore::stir.errors.ConvergenceWarning", "ignore:.*weight_norm.*is deprecated:FutureWarning"
)


class Rounding(torch.autograd.Function):
    """Rounds, and lets gradients pass; a proxy shows the rounding alone, which has no gradient."""

    @staticmethod
    def forward(_context, x):
        return (8 * x).round() / 8

    @staticmethod
    def backward(_context, gradient):
        return gradient


class Straight(nn.Module):
    def forward(self, x):
        return Rounding.apply(x)


class Apply(nn.Module):
    def __init__(self, function, inner=None):
        super().__init__()
        self.function, self.inner = function, nn.Identity() if inner is None else inner

    def forward(self, x):
        return self.inner(self.function(x))


class Scaled(nn.Module):
    """Activations so small that the squares of their gradients vanish in float32."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Branching(nn.Module):
    """Control flow, around a part that can be folded."""

    def __init__(self):
        super().__init__()
        self.part = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x):
        return self.part(x) if x.isfinite().all() else x


class Remembering(nn.Module):
    """Keeps what it saw."""

    def forward(self, x):
        self.seen = x
        return 2 * x


def _fails_backwards(x):
    x = torch.sigmoid(x)
    return x if isinstance(x, torch.Tensor) else x.mul_(2).div_(2)


def _net(change=lambda convolution: convolution, *further, dimensions=2):
    conv, norm = {2: (nn.Conv2d, nn.BatchNorm2d), 3: (nn.Conv3d, nn.BatchNorm3d)}[dimensions]
    torch.manual_seed(0)
    first = [change(conv(1, 4, 3)), norm(4), *further]
    return nn.Sequential(*first, nn.Tanh(), nn.Flatten(), nn.LazyLinear(12), nn.Tanh(), nn.Linear(12, 3))


def _pruned(module):
    prune.random_unstructured(module, "weight", 0.3)
    return module


def _with_hook(module):
    module.register_forward_hook(lambda _module, _inputs, output: 2 * output)
    return module


NETS = {
    "3d": (lambda: _net(dimensions=3), "1 BatchNorm"),
    "weight_norm": (lambda: _net(weight_norm), "0 BatchNorm"),
    "spectral_norm": (lambda: _net(spectral_norm), "0 BatchNorm"),
    "parametrised": (lambda: _net(parametrizations.weight_norm), "0 BatchNorm"),
    "pruned": (lambda: _net(_pruned), "0 BatchNorm"),
    "hook": (lambda: _net(_with_hook), "0 BatchNorm"),
    "branching": (lambda: _net(lambda x: x, Branching()), "2 BatchNorm folded; 2 called as it is"),
    "rounding": (lambda: _net(lambda x: x, Straight()), "1 BatchNorm"),
    "rounding around a module": (lambda: _net(lambda x: x, Apply(Rounding.apply)), "as given: .*another gradient"),
    "remembering": (lambda: _net(lambda x: x, Remembering()), "1 BatchNorm"),
    "tiny activations": (lambda: nn.Sequential(*_net()[:-1], Scaled(1e-18), nn.Linear(12, 3)), "1 BatchNorm"),
    "fails backwards": (lambda: _net(lambda x: x, Apply(_fails_backwards)), "as given: .*inplace"),
    "no copy": (lambda: _uncopyable(_net()), "as given: .*pickle"),
}


def _uncopyable(net):
    net[0].lock = threading.Lock()
    return net


def _made(name):
    make, note = NETS[name]
    net = make()
    images = torch.rand(5, *((1, 6, 6, 6) if name == "3d" else (1, 8, 8)), generator=torch.Generator().manual_seed(1))
    net.train()(images)
    return net.eval(), images, note


@pytest.mark.parametrize("name", NETS)
def test_what_is_traced_is_the_models_function_and_what_cannot_be_is_used_as_given(name):
    net, images, note = _made(name)
    settings = {"random_seed": 0, "tolerance": 0.05, "max_iterations": 3}
    found = invert(net, images, **settings)
    assert (found.inversion_error < found.seed_error).all()
    assert re.search(note, found.forward_pass), found.forward_pass
    assert not isinstance(getattr(net[2], "seen", None), torch.fx.Proxy)
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_a_forward_pass_that_fails_on_more_images_than_it_was_tried_on_is_given_up(small_net, images, monkeypatch):
    def small_batches_only(forward):
        def failing(x):
            if len(x) > 4:
                raise NotImplementedError("no kernel for so many\nimages")
            return forward(x)

        return failing

    def broken(*arguments):
        found = fast_forwards(*arguments)
        return replace(found, exact=small_batches_only(found.exact))

    expected = invert(small_net, images, random_seed=0, tolerance=0.2)
    monkeypatch.setattr(importlib.import_module("stir.inversion.api"), "fast_forwards", broken)
    found = invert(small_net, images, random_seed=0, tolerance=0.2)
    assert found.forward_pass == "as given: NotImplementedError: no kernel for so many"
    assert expected.forward_pass == "traced, 1 BatchNorm folded"
    torch.testing.assert_close(found.inversion_error, expected.inversion_error, rtol=0, atol=0.05)


class TwiceCalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.second = nn.Linear(64, 9), nn.Tanh(), nn.Linear(9, 9)
        self.last = nn.Linear(9, 3)

    def forward(self, x):
        y = self.act(self.first(x.flatten(1)))
        z = self.act(self.second(y))
        return {"hidden": (y, z), "logits": self.last(z)}


@pytest.mark.parametrize(
    ("layer", "select"),
    [("act:0", None), ("act:1", None), ("output", "hidden[1]"), ("output", "logits"), ("second", None)],
)
def test_calls_fields_and_outputs_are_cut_as_they_are_read(images, layer, select):
    torch.manual_seed(0)
    found = invert(TwiceCalled(), images, layer=layer, select=select, random_seed=0, tolerance=0.3, max_iterations=50)
    assert found.forward_pass == "traced, 0 BatchNorm folded"
    assert found.converged.any()


def test_bfloat16_that_cannot_be_had_is_float32_with_a_warning(images, monkeypatch):
    settings = {"random_seed": 0, "tolerance": 0.3, "max_iterations": 5}
    net = nn.Sequential(nn.Flatten(), Apply(Rounding.apply), nn.Linear(64, 9), nn.Tanh(), nn.Linear(9, 3))
    with pytest.warns(PrecisionWarning, match=r"^Expected a model that runs in bfloat16; .*\(as given: .*Set precision="):
        found = invert(net, images, precision="bfloat16", **settings)
    assert found.precision_used == "float32"
    assert torch.equal(found.iri_images, invert(net, images, **settings).iri_images)
    monkeypatch.setattr(fast_forward, "copied", lambda _part: (_ for _ in ()).throw(RuntimeError("not implemented for BFloat16")))
    with pytest.warns(PrecisionWarning, match="not in bfloat16: RuntimeError: not implemented for BFloat16"):
        invert(nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.Linear(9, 3)), images, precision="bfloat16", **settings)


def test_a_precision_that_cannot_be_had_is_reported_before_the_descent_with_model_and_layer(images, monkeypatch):
    def interrupted(*_arguments, **_keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(Work, "descend", interrupted)
    net = nn.Sequential(nn.Flatten(), Apply(Rounding.apply), nn.Linear(64, 9), nn.Tanh(), nn.Linear(9, 3))
    with pytest.warns(PrecisionWarning, match=r"got Sequential at layer \S+"), pytest.raises(KeyboardInterrupt):
        invert(net, images, precision="bfloat16", random_seed=0)


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
def test_auto_takes_the_precision_that_is_faster_here_and_states_it(small_net, images, faster, monkeypatch):
    slow = {"bfloat16": torch.float32, "float32": torch.bfloat16}[faster]
    monkeypatch.setattr(fast_forward, "_seconds", lambda forward, _images: 2.0 if forward.dtype is slow else 0.001)
    settings = {"random_seed": 0, "tolerance": 0.1}
    found = invert(small_net, images, precision="auto", **settings)
    expected = invert(small_net, images, precision=faster, **settings)
    assert (found.precision_used, expected.precision_used) == (faster, faster)
    assert torch.equal(found.iri_images, expected.iri_images)
    assert re.search(r"; (1|2e\+03) ms in float32, (1|2e\+03) ms in bfloat16 for 4 images$", found.forward_pass)


def test_an_interrupted_inversion_goes_on_in_the_precision_that_it_began_in(small_net, images, tmp_path, monkeypatch):
    monkeypatch.setattr(fast_forward, "_seconds", lambda forward, _images: 1.0 if forward.dtype is torch.bfloat16 else 2.0)
    settings = {"random_seed": 0, "tolerance": 0.05, "precision": "auto"}
    expected = invert(small_net, images, **settings)
    assert expected.precision_used == "bfloat16"
    offer, calls = InversionSnapshot.offer, []

    def interrupted(self, state):
        offer(self, state)
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(InversionSnapshot, "offer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            invert(small_net, images, snapshot=InversionSnapshot(tmp_path / "state.tmp", seconds=0), **settings)
    monkeypatch.setattr(fast_forward, "_seconds", lambda forward, _images: 2.0 if forward.dtype is torch.bfloat16 else 1.0)
    found = invert(small_net, images, snapshot=InversionSnapshot(tmp_path / "state.tmp"), **settings)
    assert found.precision_used == "bfloat16"
    assert torch.equal(found.iri_images[:], expected.iri_images)


def test_rows_begun_in_bfloat16_are_verified_where_it_can_no_longer_be_had(generator):
    matrix = torch.randn(6, 20, generator=generator)
    goal = Goal(InversionProblem(lambda x: x @ matrix.mT), torch.rand(3, 20, generator=generator) @ matrix.mT)
    rows = LBFGS().start(torch.arange(3), goal.targets, torch.rand(3, 20, generator=generator))
    rows.rounded[:], rows.best_errors[:] = True, 0.0
    ended = []
    stopping = Stopping(tolerance=1e-2, max_iterations=100)
    shared = {"shape": (20,), "load": None, "stopping": stopping, "pixel_bounds": None, "batch_size": 3, "resumed": rows}
    run(goal.problem, LBFGS(), torch.arange(0), settle=ended.append, **shared)
    assert all((part.best_errors > 0).all() and (part.best_errors <= 1e-2).all() for part in ended)


def test_a_fake_relu_needs_a_last_relu_that_is_seen(images):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), Branching(), nn.Flatten(), nn.Linear(64, 3))
    settings = {"random_seed": 0, "method": "normalised_gradient", "tolerance": 0.3, "fake_last_relu": True}
    with pytest.raises(InvalidInputError, match=r"^Found no ReLU .* of Sequential, .*seen to be the last.*Leave"):
        invert(net, images, **settings)
    with pytest.raises(InvalidInputError, match=r"^Found no ReLU .*before layer '0' of Sequential"):
        check_fake_last_relu(net, "0", images)
    check_fake_last_relu(net, "1", images)


def test_a_fake_relu_is_never_given_up_silently(images, monkeypatch):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 3))
    settings = {"random_seed": 0, "method": "normalised_gradient", "tolerance": 0.3, "max_iterations": 2}

    def refused(*_arguments, **_keywords):
        raise NotImplementedError("no kernel")

    monkeypatch.setattr(InversionProblem, "check_gradients", refused)
    with pytest.raises(NotImplementedError, match="no kernel"):
        invert(net, images, fake_last_relu=True, **settings)


def test_an_inversion_imports_no_symbolic_mathematics():
    code = (
        "import sys, torch, stir; from torch import nn;"
        "net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3));"
        "from stir.inversion import invert;"
        "invert(net, torch.rand(3, 1, 8, 8), random_seed=0, tolerance=0.9, max_iterations=2);"
        "assert not {'sympy', 'torch._dynamo'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
