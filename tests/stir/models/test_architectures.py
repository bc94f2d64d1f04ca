"""Architectures: initial weights from the random seed alone, and the shapes they promise."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.models import ARCHITECTURES, Architecture, build_model, layer_names
from stir.models.normalise import Normalise
from stir.representations import represent

SMALL = Architecture("resnet8", width=4, channels=1, classes=10)


def _weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_forward_gives_a_score_for_every_class(name, generator):
    model = build_model(Architecture(name, width=4, channels=3, classes=7))
    for mode in (True, False):
        assert model.train(mode)(torch.rand(2, 3, 32, 32, generator=generator)).shape == (2, 7)


@pytest.mark.parametrize(("name", "weight_layers"), [("resnet8", 8), ("resnet18", 18), ("vgg6", 6), ("vgg16", 14)])
def test_the_number_in_the_name_counts_layers_with_weights(name, weight_layers):
    """Shortcuts are not counted; vgg16 has one linear layer in place of three."""
    named = build_model(Architecture(name, width=4, channels=3, classes=7)).named_modules()
    assert sum(isinstance(m, torch.nn.Conv2d | torch.nn.Linear) and "shortcut" not in n for n, m in named) == weight_layers


@pytest.mark.parametrize(("name", "factor"), [("resnet8", 4), ("resnet18", 8), ("vgg6", 4), ("vgg16", 8)])
def test_width_is_the_first_stages_and_doubles(name, factor, generator):
    model = build_model(Architecture(name, width=6, channels=1, classes=3))
    representation = represent(model, torch.rand(2, 1, 32, 32, generator=generator))
    assert representation.shape == (2, 6 * factor)


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
