"""What is known of an architecture without weights: the images that it takes."""

import pytest
import torch

from stir.errors import InvalidInputError
from stir.models import SMALL_IMAGE_ARCHITECTURES, Architecture, build_model, check_takes, layer_names
from stir.models.architecture import BARE
from stir.models.providers.torchvision_models import names as torchvision_names
from stir.models.shapes import build_shape


def _architecture(name, channels=3):
    return Architecture(name, None if name.startswith("torchvision") else 64, channels, 10)


@pytest.mark.parametrize("name", SMALL_IMAGE_ARCHITECTURES)
@pytest.mark.parametrize("size", [2, 4, 8, 15, 16, 32])
def test_it_refuses_what_fails_and_nothing_else(name, size):
    try:
        with torch.no_grad():
            build_model(Architecture(name, 2, 3, 10)).eval()(torch.rand(2, 3, size, size))
    except RuntimeError:
        with pytest.raises(InvalidInputError, match=f"architecture '{name}' takes"):
            check_takes(_architecture(name), size, size)
    else:
        check_takes(_architecture(name), size, size)


def test_both_sides_count():
    check_takes(_architecture("vgg16"), 16, 32)
    for height, width in ((8, 32), (32, 8)):
        with pytest.raises(InvalidInputError, match=f"got 3 channels of {height} x {width}"):
            check_takes(_architecture("vgg16"), height, width)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("vgg16", 8, r"\(it takes 16 x 16, for instance\); got 3 channels of 8 x 8 \(.*Output size is too small\)"),
        (
            "torchvision.inception_v3",
            32,
            r"\(it takes 75 x 75, for instance\); got 3 channels of 32 x 32 \(.*(Kernel size|Output size is too small)",
        ),
        ("torchvision.vit_b_16", 32, r"\(it takes 224 x 224, for instance\); .*\(Wrong image height! Expected 224 but got 32!\)"),
    ],
)
def test_a_refusal_names_the_reason_and_a_size_that_it_takes(name, size, message):
    with pytest.raises(InvalidInputError, match=message):
        check_takes(_architecture(name), size, size)
    taken = int(message.split("takes ")[1].split()[0])
    check_takes(_architecture(name), taken, taken)


def test_what_cannot_be_built_takes_nothing():
    with pytest.raises(InvalidInputError, match="Expected images of 3 channels"):
        check_takes(_architecture("torchvision.resnet18", channels=1), 64, 64)


@pytest.mark.parametrize("name", ["torchvision.vit_h_14", "torchvision.regnet_y_128gf", "resnet50"])
def test_no_large_network_is_built_for_it(name):
    model = build_shape(Architecture(name, None if "." in name else 10_000, 3, 10))
    assert all(parameter.is_meta for parameter in model.parameters()) or sum(p.numel() for p in model.parameters()) < 10_000
    assert not any(module.training for module in model.modules())


def test_the_global_random_state_stays():
    before = torch.get_rng_state()
    layer_names(_architecture("torchvision.regnet_x_400mf"))
    check_takes(_architecture("resnet8"), 8, 8)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.long
@pytest.mark.parametrize("name", [BARE + name for name in torchvision_names()])
def test_every_torchvision_classifier_takes_images_of_its_usual_size(name):
    check_takes(_architecture(name), 224, 224)
    assert "network" in layer_names(_architecture(name))
