"""Classifiers of torchvision: the networks as they are, normalised, by layers that can be named."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torchvision import models

from stir.errors import CheckpointError, InvalidInputError
from stir.models import (
    ARCHITECTURES,
    SMALL_IMAGE_ARCHITECTURES,
    Architecture,
    build_model,
    layer_names,
    load_checkpoint,
    read_model,
    save_model,
)
from stir.models.architecture import BARE
from stir.models.providers.torchvision_models import names as torchvision_names
from stir.representations import represent

SHUFFLENET = Architecture("torchvision.shufflenet_v2_x0_5", width=None, channels=3, classes=7)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture
def colour_images(generator):
    return torch.rand(3, 3, 64, 64, generator=generator)


def _weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def _normalised(images, mean, std):
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def test_every_classifier_has_a_name_that_begins_with_torchvision():
    assert {"resnet50", "vgg16_bn", "vit_b_16"} <= set(torchvision_names())
    assert len(torchvision_names()) == len(models.list_models(module=models)) > 60
    assert set(ARCHITECTURES) == {*SMALL_IMAGE_ARCHITECTURES, *(BARE + name for name in torchvision_names())}
    assert len(ARCHITECTURES) == len(SMALL_IMAGE_ARCHITECTURES) + len(torchvision_names())
    assert not any("/" in name for name in ARCHITECTURES), "names become parts of file names"


def test_torchvision_is_not_imported_for_other_architectures():
    code = (
        "from stir.models import *; a = Architecture('resnet8', 4, 1, 10); build_model(a); check_takes(a, 8, 8); layer_names(a);"
        "import sys; print('torchvision' in sys.modules);"
        "print('torchvision.resnet18' in ARCHITECTURES, 'torchvision' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "True", "True"]


def test_it_is_torchvisions_network_behind_a_normalisation(colour_images):
    model = build_model(SHUFFLENET).eval()
    theirs = models.shufflenet_v2_x0_5(weights=None, num_classes=7).eval()
    theirs.load_state_dict(model.network.state_dict())
    assert model(colour_images).shape == (3, 7)
    torch.testing.assert_close(model(colour_images), theirs(_normalised(colour_images, *IMAGENET)))


def test_the_random_seed_determines_the_weights():
    before = torch.get_rng_state()
    first = _weights(build_model(SHUFFLENET, random_seed=5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(_weights(build_model(SHUFFLENET, random_seed=5)), first)
    assert not torch.equal(_weights(build_model(SHUFFLENET, random_seed=6)), first)


def test_its_layers_can_be_named_and_represented(colour_images):
    names = layer_names(SHUFFLENET)
    assert {"normalise", "network.conv1", "network.stage2.0.branch1", "network.fc"} <= set(names)
    model = build_model(SHUFFLENET)
    assert names == [name for name, _ in model.named_modules() if name]
    assert represent(model, colour_images, layer="network.stage2").shape == (3, 48 * 8 * 8)
    assert represent(model, colour_images).shape == (3, 1024)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_networks_with_auxiliary_classifiers_give_one_output_in_training(name):
    model = build_model(Architecture(f"torchvision.{name}", None, 3, 4)).train()
    assert model(torch.rand(2, 3, 96, 96)).shape == (2, 4)


def test_normalisation_is_what_the_published_weights_expect_until_it_is_fitted(monkeypatch, colour_images):
    model = build_model(SHUFFLENET)
    torch.testing.assert_close(model.normalise(colour_images), _normalised(colour_images, *IMAGENET))
    monkeypatch.setattr(models, "get_model_weights", lambda _name: models.EfficientNet_V2_L_Weights)
    torch.testing.assert_close(build_model(SHUFFLENET).normalise.mean, torch.full((3,), 0.5))
    model.normalise.fit(colour_images)
    assert model.normalise(colour_images).mean().item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("normalisation", "mean_and_std"),
    [
        ("none", ((0, 0, 0), (1, 1, 1))),
        ("imagenet", IMAGENET),
        ({"mean": [0.4, 0.5, 0.6], "std": [0.1, 0.2, 0.3]}, ((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))),
    ],
)
def test_another_normalisation_can_be_chosen(tmp_path, colour_images, normalisation, mean_and_std):
    chosen = replace(SHUFFLENET, normalisation=normalisation)
    theirs = models.shufflenet_v2_x0_5(weights=None, num_classes=7).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    model = load_checkpoint(build_model(chosen), tmp_path / "weights.pth").eval()
    torch.testing.assert_close(model(colour_images), theirs(_normalised(colour_images, *mean_and_std)))
    assert chosen.to_dict()["normalisation"] == normalisation
    assert hash(chosen) != hash(SHUFFLENET)
    save_model(tmp_path / "m.safetensors", model, chosen, {})
    again = read_model(tmp_path / "m.safetensors")
    torch.testing.assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)


def test_the_usual_normalisation_is_left_out_of_recipes():
    assert SHUFFLENET.to_dict() == {"name": "torchvision.shufflenet_v2_x0_5", "width": None, "channels": 3, "classes": 7}


def test_a_normalisation_beside_that_of_the_weights_is_refused(tmp_path):
    model = build_model(SHUFFLENET)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    load_checkpoint(build_model(replace(SHUFFLENET, normalisation="imagenet")), tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match=r"weights\.pt carries a mean of its own.*Leave normalisation out"):
        load_checkpoint(build_model(replace(SHUFFLENET, normalisation="none")), tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (replace(SHUFFLENET, normalisation="imagnet"), r"Unknown normalisation 'imagnet'\. Did you mean 'imagenet'"),
        (replace(SHUFFLENET, normalisation={"mean": [123.7, 116.3, 103.5], "std": [58.4, 57.1, 57.4]}), r"Divide by 255"),
        (
            replace(SHUFFLENET, normalisation={"mean": [0.5] * 3, "std": [0.5, 0.5, 0.0]}),
            r"Expected a normalisation of published",
        ),
        (replace(SHUFFLENET, normalisation={"mean": [0.5], "std": [0.5]}), r"mean and a std of 3 numbers each"),
        (replace(SHUFFLENET, normalisation={"mean": [0.5] * 3}), r"Expected a normalisation of published"),
        (replace(SHUFFLENET, normalisation=None), r"Expected a normalisation of published"),
        (
            Architecture("resnet8", 4, 3, 10, "none"),
            r"Expected no normalisation for architecture 'resnet8', whose weights carry it",
        ),
    ],
    ids=str,
)
def test_what_is_no_normalisation_is_refused(architecture, message):
    with pytest.raises(InvalidInputError, match=message):
        build_model(architecture)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
@pytest.mark.parametrize("wrapper", [None, "state_dict"])
def test_torchvisions_own_weights_fit(tmp_path, colour_images, prefix, wrapper):
    theirs = models.shufflenet_v2_x0_5(weights=None, num_classes=7).eval()
    weights = {prefix + name: value for name, value in theirs.state_dict().items()}
    torch.save({wrapper: weights} if wrapper else weights, tmp_path / "weights.pth")
    model = load_checkpoint(build_model(SHUFFLENET), tmp_path / "weights.pth").eval()
    torch.testing.assert_close(model(colour_images), theirs(_normalised(colour_images, *IMAGENET)))


def test_weights_with_auxiliary_classifiers_fit(tmp_path):
    with_them = models.googlenet(weights=None, num_classes=4, init_weights=False)
    torch.save(with_them.state_dict(), tmp_path / "weights.pth")
    model = load_checkpoint(build_model(Architecture("torchvision.googlenet", None, 3, 4)), tmp_path / "weights.pth")
    assert torch.equal(model.network.fc.weight, with_them.fc.weight)


def test_weights_of_densenets_fit_by_the_names_in_the_files_that_torchvision_publishes(tmp_path):
    theirs = models.densenet121(weights=None, num_classes=4)
    published = {re.sub(r"(denselayer\d+\.(norm|conv))", r"\1.", name): value for name, value in theirs.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in published
    torch.save(published, tmp_path / "weights.pth")
    model = load_checkpoint(build_model(Architecture("torchvision.densenet121", None, 3, 4)), tmp_path / "weights.pth")
    assert torch.equal(_weights(model.network), _weights(theirs))


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(models.squeezenet1_1(weights=None, num_classes=7).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"are not this model's: \d+ missing, \d+ unexpected, for example 'network\.conv1"):
        load_checkpoint(build_model(SHUFFLENET), tmp_path / "weights.pth")
    torch.save(models.shufflenet_v2_x0_5(weights=None, num_classes=8).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"Expected 'network\.fc\.weight' of shape \(7, 1024\); got \(8, 1024\)"):
        load_checkpoint(build_model(SHUFFLENET), tmp_path / "weights.pth")


def test_a_saved_one_is_read_back_with_its_normalisation(tmp_path, colour_images):
    model = build_model(SHUFFLENET, random_seed=3)
    model.normalise.fit(colour_images)
    save_model(tmp_path / "m.safetensors", model, SHUFFLENET, {})
    again = read_model(tmp_path / "m.safetensors")
    torch.testing.assert_close(dict(again.state_dict()), dict(model.state_dict()), rtol=0, atol=0)
    assert not any(module.training for module in again.modules())


@pytest.mark.parametrize(
    ("name", "width", "channels", "message"),
    [
        ("torchvision.resnet18", 64, 3, r"Expected no width for architecture 'torchvision\.resnet18'.*; got 64"),
        ("torchvision.resnet18", None, 1, r"Expected images of 3 channels for architecture .*; got 1"),
        ("resnet101", None, 3, r"Unknown architecture 'resnet101'\. Torchvision's is named 'torchvision\.resnet101'"),
        (
            "torchvision.resnet19",
            None,
            3,
            r"'torchvision\.resnet19'\. Did you mean .*'torchvision\.resnet18'",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(name, width, channels, message):
    with pytest.raises(InvalidInputError, match=message):
        build_model(Architecture(name, width, channels, 10))
