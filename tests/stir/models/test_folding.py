"""A model cut at a layer and folded is the same function."""

import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from torch import nn

from stir.inversion import invert
from stir.inversion.fast_forward import Forwards, fast_forwards
from stir.models import Architecture, build_model
from stir.models.cutting import UntraceableError, cut
from stir.models.folding import folded, with_fake_last_relu
from stir.representations import representing


def _lived_in(name):
    """A network whose BatchNorm statistics are not those of birth."""
    model = build_model(Architecture(name, None if name.startswith("torchvision") else 4, 3, 10)).train()
    for _ in range(3):
        model(torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    return model.eval()


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16"])
@pytest.mark.parametrize(("layer", "side"), [("stage3", "output"), ("classifier", "input"), ("classifier", "output")])
def test_the_folded_part_is_the_layers_function(name, layer, side):
    model, images = _lived_in(name), torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    part = folded(cut(model, layer, side).graph)[0]
    with representing(model, None if side == "input" else layer, images[:1]) as represent_batch, torch.no_grad():
        torch.testing.assert_close(part(images).flatten(1), represent_batch(images), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in part.modules())
    assert not any(parameter.requires_grad for parameter in part.parameters())


@pytest.mark.parametrize(("name", "layer"), [("resnet50", "stage2"), ("torchvision.resnet18", "network.layer2")])
def test_an_inversion_takes_the_folded_model_and_finds_what_it_finds_without(monkeypatch, name, layer):
    model, images = _lived_in(name), torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    taken = []

    def working(*arguments, fold, **keywords):
        taken.append(fast_forwards(*arguments, **keywords))
        return taken[-1] if fold else Forwards()

    found = []
    for fold in (True, False):
        monkeypatch.setattr(importlib.import_module("stir.inversion.api"), "fast_forwards", partial(working, fold=fold))
        found.append(invert(model, images, layer=layer, random_seed=0, tolerance=0.1))
    assert all(forwards.exact is not None for forwards in taken)
    assert all(inversion.converged.all() for inversion in found)
    torch.testing.assert_close(found[0].iterations, found[1].iterations, rtol=0.3, atol=3)
    torch.testing.assert_close(found[0].inversion_error, found[1].inversion_error, rtol=0, atol=0.02)


def test_a_batchnorm_layer_itself_can_be_the_end():
    model, images = _lived_in("resnet8"), torch.rand(5, 3, 8, 8)
    short, n_folded = folded(cut(model, "stem.1", "output").graph)
    assert n_folded == 1
    with representing(model, "stem.1", images[:1]) as represent_batch, torch.no_grad():
        torch.testing.assert_close(short(images).flatten(1), represent_batch(images), rtol=1e-4, atol=1e-5)


def test_a_model_that_cannot_be_traced_is_said_so():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(x) if x.sum() > 0 else x

    with pytest.raises(UntraceableError, match="control flow"):
        cut(nn.Sequential(Branching()), "0.layer", "output")


@pytest.mark.parametrize("relu", [nn.ReLU(), nn.ReLU(inplace=True), torch.relu, "method"])
def test_a_fake_last_relu_passes_gradients(relu):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.relu, self.last = nn.Linear(3, 4), relu if isinstance(relu, nn.Module) else None, nn.Linear(4, 2)

        def forward(self, x):
            x = self.first(x)
            return self.last(x.relu() if relu == "method" else relu(x))

    net, x = Net(), torch.randn(6, 3, requires_grad=True)
    part = with_fake_last_relu(cut(net, "last", "input").graph)
    torch.testing.assert_close(part(x), net.first(x).clamp(min=0))
    (gradient,) = torch.autograd.grad(part(x).sum(), x)
    torch.testing.assert_close(gradient, net.first.weight.sum(dim=0).expand(6, 3))


def test_models_that_other_threads_call_meanwhile_give_what_they_give_alone():
    """Tracing replaces the call of every module in the process."""
    other = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU()).eval()
    images = torch.rand(2, 1, 8, 8)
    expected, ended = other(images), threading.Event()

    def call():
        found = []
        while not ended.is_set():
            found.append(torch.equal(other(images), expected))
        return found

    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(call)
        for _ in range(5):
            folded(cut(build_model(Architecture("resnet8", 2, 1, 10)).eval(), "stage2", "output").graph)
        ended.set()
        assert all(calls.result())


class Functional(nn.Module):
    """Convolution and BatchNorm as functions of parameters, with an assertion between, as timm has them."""

    def __init__(self, bias):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4)

    def forward(self, x):
        x = nn.functional.conv2d(x, self.conv.weight, self.conv.bias, stride=2)
        torch._assert(x.ndim == 4, "expected images")
        norm = self.norm
        return nn.functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.1, norm.eps)


class Twice(nn.Module):
    """One convolution before two normalisations; one output that is used beside its normalisation, too."""

    def __init__(self):
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.second(self.conv(self.first(self.conv(x))))


class Beside(Twice):
    def forward(self, x):
        y = self.conv(x)
        return self.first(y) + y


@pytest.mark.parametrize(
    ("net", "folds"), [(lambda: Functional(True), 1), (lambda: Functional(False), 1), (Twice, 0), (Beside, 0)]
)
def test_functions_are_folded_and_what_is_used_twice_is_not(net, folds):
    torch.manual_seed(0)
    model = nn.Sequential(net(), nn.Identity()).train()
    images = torch.rand(4, 3, 8, 8)
    for _ in range(3):
        with torch.no_grad():
            model(images)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight), nn.init.uniform_(module.running_mean)
    short, n_folded = folded(cut(model.eval(), "1", "output").graph)
    assert n_folded == folds
    torch.testing.assert_close(short(images), model(images), rtol=1e-4, atol=1e-5)


def test_transforms_in_front_are_called_as_they_are():
    """They look for a tensor's type, find a proxy's, and do nothing."""
    v2 = pytest.importorskip("torchvision.transforms.v2")
    model = nn.Sequential(v2.Normalize([0.5] * 3, [0.25] * 3), Functional(True), nn.Identity()).eval()
    images = torch.rand(4, 3, 8, 8)
    part = cut(model, "2", "output")
    assert [node.target for node in part.graph.graph.nodes if node.op == "call_module"] == ["model.0", "model.2"]
    torch.testing.assert_close(folded(part.graph)[0](images), model(images), rtol=1e-4, atol=1e-5)


class Padding(nn.Module):
    """Pads by a module or a function, then convolves by a module or a function."""

    def __init__(self, pad, convolution, *, function):
        super().__init__()
        self.pad, self.convolution, self.function = pad, convolution, function

    def forward(self, x):
        x = self.pad(x)
        if self.function:
            x = nn.functional.conv2d(x, self.convolution.weight, self.convolution.bias, 2, (0, 1))
        else:
            x = self.convolution(x)
        return x.flatten(1)


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize(
    ("pad", "merges"),
    [
        (nn.ZeroPad2d((2, 2, 1, 1)), True),
        (nn.ConstantPad2d(1, 0.0), True),
        (partial(nn.functional.pad, pad=(2, 2, 1, 1)), True),
        (nn.ZeroPad2d((0, 1, 0, 1)), False),
        (nn.ZeroPad2d((1, 1, -1, -1)), False),
        (nn.ConstantPad2d(1, 1.0), False),
        (nn.ReflectionPad2d(1), False),
        (partial(nn.functional.pad, pad=(1, 1, 1, 1), mode="replicate"), False),
        (partial(nn.functional.pad, pad=(1, 1, 1, 1), value=0.5), False),
        (partial(nn.functional.pad, pad=(1, 1)), False),
    ],
)
def test_padding_that_is_alike_on_both_sides_is_left_to_the_convolution(pad, merges, function):
    net = Padding(pad, nn.Conv2d(3, 4, 3, stride=2, padding=1), function=function).eval()
    images = torch.rand(2, 3, 9, 8)
    part = folded(cut(net, "", "output").graph)[0]
    torch.testing.assert_close(part(images), net(images).detach(), rtol=1e-5, atol=1e-6)
    assert net.convolution.padding == (1, 1), "the model as given is left as it is"
    pads = [node for node in part.graph.nodes if "pad" in str(node.target)]
    assert len(pads) == (not merges)


@pytest.mark.parametrize("kind", ["circular", "same", "twice", "hooked"])
def test_padding_is_kept_before_a_convolution_that_pads_otherwise(kind):
    padding = {"circular": {"padding": 1, "padding_mode": "circular"}, "same": {"padding": "same"}}.get(kind, {})
    convolution = nn.Conv2d(3, 3, 3, **padding)
    if kind == "hooked":
        convolution.register_forward_pre_hook(lambda _module, inputs: (2 * inputs[0],))
    net = nn.Sequential(nn.ZeroPad2d(1), convolution, *([nn.ZeroPad2d(1), convolution] if kind == "twice" else [])).eval()
    images = torch.rand(2, 3, 8, 8)
    part = folded(cut(net, "", "output").graph)[0]
    torch.testing.assert_close(part(images), net(images).detach(), rtol=1e-5, atol=1e-6)
    assert any(isinstance(module, nn.ZeroPad2d) for module in part.modules())
