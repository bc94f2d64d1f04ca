"""A layer by one name, or by a label with a name in each architecture."""

import pytest

from stir.errors import LayerError
from stir.layer_labels import layer_in, layer_label

EARLY = {"label": "early", "by_architecture": {"resnet18": "stage1", "vgg16": "stage2"}}


def test_a_name_is_its_label_and_the_same_in_every_architecture():
    assert layer_label("stage3") == "stage3"
    assert layer_in("stage3", "resnet18") == layer_in("stage3", "vgg16") == "stage3"


def test_a_label_has_a_name_in_each_architecture():
    assert layer_label(EARLY) == "early"
    assert (layer_in(EARLY, "resnet18"), layer_in(EARLY, "vgg16")) == ("stage1", "stage2")


def test_an_architecture_without_a_name_is_refused():
    with pytest.raises(LayerError, match=r"layer 'early' .* no name in 'resnet34'\. Did you mean 'resnet18'\? Add it to by_arch"):
        layer_in(EARLY, "resnet34")
