"""Layers and measures that would fail once models are trained are refused before."""

import re

import pytest

from stir_workflow.planning.meaning import check_meaning
from tests.experiment_files import QUICKSTART, edited

PHOTOGRAPHS = {"label": "photographs", "name": "cifar10_jpeg"}


def of_torchvision(quickstart, architecture, layers, **more):
    """An experiment of torchvision's networks on small photographs."""
    model = {"name": "m", "architecture": f"torchvision.{architecture}", "training": "vanilla", "training_seeds": [0, 1]}
    changes = {"dataset": {"name": "cifar10_jpeg"}, "models": [model], "layers": layers}
    return edited(quickstart, changes | more)


FAILING = [
    (
        "resnet18",
        ["network.layer1.0.relu"],
        r"'torchvision.resnet18', layer 'network.layer1.0.relu': .*called once.*called 2 times",
    ),
    (
        "resnet18",
        ["layer5"],
        "architecture 'torchvision.resnet18', layer 'layer5': The model has no layer 'layer5'. Did you mean",
    ),
    ("resnet18", ["layer1.0.relu:2"], r"Expected a call of layer 'network.layer1.0.relu' from 0 to 1; got 2"),
    ("vit_b_16", ["network.encoder.layers.encoder_layer_0.self_attention.out_proj"], "called 0 times"),
]


@pytest.mark.parametrize(("architecture", "layers", "message"), FAILING, ids=[name for name, *_ in FAILING])
def test_layers_that_a_forward_pass_does_not_call_once_are_refused(quickstart, refusal, architecture, layers, message):
    more = {"dataset": {"name": "imagenet", "n_test": 1000}} if architecture == "vit_b_16" else {}
    content = of_torchvision(quickstart, architecture, layers, **more)
    if more:
        content["models"] = [
            {"name": "m", "architecture": "torchvision.vit_b_16", "checkpoint": "https://a.b/w.pt", "sha256": "0" * 64}
        ]
    lines = refusal(content)
    assert any(re.search(f"^layers: .*{message}", line) for line in lines), lines


SAME = [["pooling", "penultimate"], ["pooling.1", "pooling"], ["stage3", "stage3.0"]]


@pytest.mark.parametrize("layers", SAME, ids=str)
def test_layers_that_hand_on_what_another_gave_are_one_layer(quickstart, refusal, layers):
    lines = refusal(edited(quickstart, {"layers": layers, "models": quickstart["models"][:1]}))
    assert lines == [f"layers: {layers[0]!r} and {layers[1]!r} are one and the same in architecture 'resnet8'; leave one out"]


def test_layers_before_and_after_a_relu_in_place_are_two(quickstart, load):
    content = of_torchvision(quickstart, "resnet18", ["network.bn1", "network.relu", "network.avgpool"])
    check_meaning(load(content), QUICKSTART)


MEASURES = [
    (["mean_cca"], 256, "'mean_cca' take more images than twice the 128 features of layer 'stage3' of architecture 'resnet8'"),
    (["pwcca"], 60, "'pwcca' take more images than twice the 128 features"),
    (["mutual_knn"], 11, "'mutual_knn' takes at least 12 images; 11 are scored"),
]


@pytest.mark.parametrize(("measures", "n_images", "message"), MEASURES, ids=[str(case[0]) for case in MEASURES])
def test_measures_that_take_more_images_are_refused(quickstart, refusal, measures, n_images, message):
    lines = refusal(edited(quickstart, {"similarity_measures": measures, "images.n_images": n_images}))
    assert any(line.startswith(f"similarity_measures: {message}") for line in lines), lines


def test_measures_that_take_as_many_images_are_accepted(quickstart, load):
    check_meaning(load(edited(quickstart, {"similarity_measures": ["mean_cca", "svcca"], "images.n_images": 257})), QUICKSTART)


def test_very_large_images_are_tried_in_no_memory(quickstart, load):
    own = {"name": "scans", "path": "scans", "format": "folder", "image_shape": [3, 4096, 4096], "n_classes": 100_000}
    content = edited(quickstart, {"dataset": own | {"fingerprint": "0" * 64, "n_test": 300}, "layers": ["penultimate"]})
    check_meaning(load(content), QUICKSTART)
