"""Architectures are compared layer by layer where their layers lie equally deep."""

import pytest

from stir.errors import InvalidInputError, LayerError
from stir.layers import layers_at_depths, relative_depth
from stir.models import SMALL_IMAGE_ARCHITECTURES, Architecture, layer_names

RESNET18 = Architecture("resnet18", 4, 3, 10)


@pytest.mark.parametrize(
    ("name", "layer", "depth"),
    [
        *(("resnet18", "stem", 1 / 18), ("resnet18", "stage1", 5 / 18), ("resnet18", "stage2.0.shortcut", 6 / 18)),
        *(("resnet18", "stage4", 17 / 18), ("resnet18", "penultimate", 17 / 18), ("resnet18", "classifier", 1)),
        *(("resnet50", "stage1", 10 / 50), ("vgg16", "stage1", 2 / 14), ("vgg16", "normalise", 0)),
        *(("torchvision.resnet18", "network.layer1", 5 / 18), ("torchvision.resnet18", "penultimate", 17 / 18)),
    ],
)
def test_depth_counts_layers_with_weights_on_the_longest_way(name, layer, depth):
    architecture = Architecture(name, None if name.startswith("torchvision") else 4, 3, 10)
    assert relative_depth(architecture, layer) == pytest.approx(depth)


def test_width_does_not_change_it():
    assert relative_depth(Architecture("resnet18", 64, 1, 2), "stage3") == relative_depth(RESNET18, "stage3")


@pytest.mark.parametrize("name", SMALL_IMAGE_ARCHITECTURES)
def test_blocks_at_rising_depths_lie_ever_deeper_and_near_what_was_asked_for(name):
    architecture = Architecture(name, 4, 3, 10)
    asked = [number / 10 for number in range(1, 11)]
    found = layers_at_depths(architecture, asked)
    depths = [relative_depth(architecture, layer) for layer in found]
    assert set(found) <= set(layer_names(architecture))
    assert depths == sorted(depths)
    assert found[-1] == "classifier"
    assert all(abs(depth - wanted) <= 2 / 8 for depth, wanted in zip(depths, asked, strict=True))


def test_residual_blocks_are_the_blocks_and_stages_where_they_end():
    assert layers_at_depths(RESNET18, [0.01, 3 / 18, 5 / 18, 7 / 18, 17 / 18]) == [
        *("stem", "stage1.0", "stage1", "stage2.0", "pooling"),
    ]
    assert layers_at_depths(Architecture("vgg16", 4, 3, 10), [0.01, 2 / 14, 7 / 14]) == ["stage1.2", "stage1", "stage3"]


@pytest.mark.parametrize("depth", [0, -0.1, 1.01, float("nan")])
def test_depths_beyond_the_network_are_refused(depth):
    with pytest.raises(InvalidInputError, match="Expected relative depths over 0 and at most 1; got"):
        layers_at_depths(RESNET18, [0.5, depth])


def test_a_layer_that_is_not_there_has_no_depth():
    with pytest.raises(LayerError, match=r"'resnet18' has no layer 'stage5' that is called once\. Did you mean .*'stage4'"):
        relative_depth(RESNET18, "stage5")
    with pytest.raises(LayerError, match=r"no layer 'network\.layer1\.0\.relu' that is called once"):
        relative_depth(Architecture("torchvision.resnet18", None, 3, 10), "network.layer1.0.relu")
    with pytest.raises(LayerError, match="no layer 'penultimate'"):
        relative_depth(Architecture("torchvision.squeezenet1_1", None, 3, 10), "penultimate")
