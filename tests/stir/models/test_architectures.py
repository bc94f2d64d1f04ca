"""Architectures: initial weights from the random seed alone, and the shapes they promise."""

import pytest
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck as TorchvisionBottleneck

from stir.errors import InvalidInputError
from stir.models import SMALL_IMAGE_ARCHITECTURES, Architecture, build_model, layer_names
from stir.models.normalise import Normalise
from stir.models.resnet import Bottleneck
from stir.representations import represent
from stir_workflow.statements.pairs import FAMILIES

SMALL = Architecture("resnet8", width=4, channels=1, classes=10)


def _weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


# What the architectures gave when results were first recorded: parameters, a projection that sees their order, outputs.
RECORDED = {
    "resnet8": (5163, 2.5897206487, 0.6211742163),
    "resnet18": (44523, 1.2665408757, 0.6362658739),
    "vgg6": (4703, 0.3515748869, 1.0311212540),
    "vgg16": (58587, 6.7360976796, 0.5842446089),
}
WEIGHT_LAYERS = {
    **{"resnet8": 8, "resnet18": 18, "resnet34": 34, "resnet50": 50},
    **{"vgg6": 6, "vgg11": 9, "vgg13": 11, "vgg16": 14, "vgg19": 17},
}
FACTORS = {**dict.fromkeys(WEIGHT_LAYERS, 8), "resnet8": 4, "vgg6": 4, "resnet50": 32}


OF_NO_FAMILY: set[str] = set()
"""Architectures that statement 2, which compares residual networks with VGGs, leaves out."""


@pytest.mark.parametrize("name", SMALL_IMAGE_ARCHITECTURES)
def test_statement_2_knows_the_family_or_leaves_it_out_on_purpose(name):
    known = FAMILIES.get(name.rstrip("0123456789"))
    assert (known is None) == (name in OF_NO_FAMILY), "statements/pairs.py: FAMILIES, or test_architectures.py: OF_NO_FAMILY"


@pytest.mark.parametrize("name", RECORDED)
def test_weights_and_outputs_are_those_of_recorded_results(name, generator):
    model = build_model(Architecture(name, width=4, channels=3, classes=7), random_seed=3).eval()
    weights = _weights(model).double()
    projection = (weights @ torch.cos(torch.arange(len(weights)).double())).item()
    outputs = model(torch.rand(4, 3, 32, 32, generator=generator)).norm().item()
    assert (len(weights), projection, outputs) == pytest.approx(RECORDED[name], rel=1e-5)


@pytest.mark.parametrize("name", SMALL_IMAGE_ARCHITECTURES)
def test_forward_gives_a_score_for_every_class(name, generator):
    model = build_model(Architecture(name, width=4, channels=3, classes=7))
    for mode in (True, False):
        assert model.train(mode)(torch.rand(2, 3, 32, 32, generator=generator)).shape == (2, 7)


@pytest.mark.parametrize("name", SMALL_IMAGE_ARCHITECTURES)
def test_the_number_in_the_name_counts_layers_with_weights(name):
    """Shortcuts are not counted; from vgg11 on there is one linear layer in place of three."""
    named = build_model(Architecture(name, width=4, channels=3, classes=7)).named_modules()
    layers = sum(isinstance(m, nn.Conv2d | nn.Linear) and "shortcut" not in n for n, m in named)
    assert layers == WEIGHT_LAYERS[name]


@pytest.mark.parametrize("name", SMALL_IMAGE_ARCHITECTURES)
def test_width_is_the_first_stages_and_doubles(name, generator):
    model = build_model(Architecture(name, width=6, channels=1, classes=3))
    representation = represent(model, torch.rand(2, 1, 32, 32, generator=generator))
    assert representation.shape == (2, 6 * FACTORS[name])


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "vgg19"])
def test_deep_ones_learn_from_their_first_weights(name, digits):
    images = nn.functional.interpolate(digits[0][:64], size=16)
    model = build_model(Architecture(name, width=4, channels=1, classes=10)).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(images), digits[1][:64])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 1.0


def test_a_bottleneck_is_the_published_one_of_torchvision(generator):
    """With its weights: the stride is in the 3x3 convolution, and the residual joins the shortcut before the last ReLU."""
    theirs = TorchvisionBottleneck(
        16, 8, 2, downsample=nn.Sequential(nn.Conv2d(16, 32, 1, 2, bias=False), nn.BatchNorm2d(32))
    ).train()
    ours = Bottleneck(16, 32, 2).train()
    with torch.no_grad():
        for own, given in zip(ours.parameters(), theirs.parameters(), strict=True):
            own.copy_(given)
    images = torch.rand(3, 16, 9, 9, generator=generator)
    torch.testing.assert_close(ours(images), theirs(images))


def test_the_random_seed_determines_the_weights():
    assert torch.equal(_weights(build_model(SMALL, random_seed=5)), _weights(build_model(SMALL, random_seed=5)))
    assert not torch.equal(_weights(build_model(SMALL, random_seed=5)), _weights(build_model(SMALL, random_seed=6)))


def test_the_global_random_state_neither_matters_nor_changes(monkeypatch):
    seeded_on_devices = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded_on_devices.append)
    torch.manual_seed(1)
    seeded_on_devices.clear()
    before = torch.get_rng_state()
    first = _weights(build_model(SMALL, random_seed=5))
    assert torch.equal(torch.get_rng_state(), before)
    assert seeded_on_devices == [], "a GPU's random state is global, too"
    torch.manual_seed(2)
    assert torch.equal(_weights(build_model(SMALL, random_seed=5)), first)


def test_an_unknown_architecture_is_refused_with_near_matches():
    with pytest.raises(InvalidInputError, match=r"architecture 'resnet9'\. Did you mean .*'resnet8'"):
        build_model(Architecture("resnet9", width=4, channels=1, classes=10))


@pytest.mark.parametrize("width", [None, 0, -4])
def test_a_width_is_needed(width):
    with pytest.raises(InvalidInputError, match=rf"Expected a width >= 1 for architecture 'resnet18'; got {width}"):
        build_model(Architecture("resnet18", width=width, channels=3, classes=10))


def test_layer_names_are_those_of_the_model():
    names = layer_names(SMALL)
    assert {"normalise", "stem", "stage1.0.conv1", "stage3.0.relu2", "pooling", "classifier"} <= set(names)
    assert "" not in names
    assert set(names) == set(dict(build_model(SMALL, random_seed=3).named_modules())) - {""}


def test_every_stage_can_be_represented(images):
    model = build_model(SMALL)
    for layer, d in (("stem", 4 * 64), ("stage1", 4 * 64), ("stage2", 8 * 16), ("stage3", 16 * 4), ("pooling", 16)):
        assert represent(model, images, layer=layer).shape == (12, d)


def test_normalisation_is_part_of_the_model(digits):
    model = build_model(SMALL).eval()
    images = digits[0][:500]
    raw = model(images[:3])
    model.normalise.fit(images)
    normalised = model.normalise(images)
    assert normalised.mean().item() == pytest.approx(0, abs=1e-4)
    assert normalised.std().item() == pytest.approx(1, abs=1e-3)
    assert not torch.allclose(model(images[:3]), raw)
    assert {"normalise.mean", "normalise.std"} <= model.state_dict().keys()


def test_normalisation_is_per_channel_and_stands_a_constant_one(generator):
    images = torch.rand(50, 3, 4, 4, generator=generator) * torch.tensor([1.0, 0.1, 0.0])[:, None, None]
    normalise = Normalise(3)
    normalise.fit(images)
    normalised = normalise(images)
    torch.testing.assert_close(normalised.mean(dim=(0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(normalised.std(dim=(0, 2, 3)), torch.tensor([1.0, 1.0, 0.0]), rtol=0, atol=1e-4)
