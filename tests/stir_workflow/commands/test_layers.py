"""`stir layers MODEL` prints what can be read in a model, and what penultimate means for it."""

import json

import pytest
from click.testing import CliRunner

from stir_workflow.cli import main


def layers(*arguments):
    return CliRunner().invoke(main, ["layers", *arguments])


def test_names_shapes_calls_layout_and_depth_are_printed():
    printed = layers("resnet8", "--width", "4", "--channels", "1", "--size", "8").stdout.splitlines()
    assert printed[0] == "resnet8, images of 1 x 8 x 8"
    rows = {line.split()[0]: line.split() for line in printed[2:-1]}
    assert rows["stage2"] == ["stage2", "Sequential", "8", "x", "4", "x", "4", "1", "first", "0.62"]
    assert rows["penultimate"] == ["penultimate", "input", "of", "classifier", "16", "1", "0.88"]
    assert printed[-1] == "penultimate: input of classifier, the same as pooling.0, pooling.1 and pooling"


def test_a_module_that_is_called_several_times_says_how_often():
    result = layers("torchvision:resnet18", "--size", "64x48", "--json")
    said = json.loads(result.stdout)
    assert said["images"] == [3, 64, 48]
    found = {facts["name"]: facts for facts in said["layers"]}
    assert (found["layer1.0.relu"]["calls"], found["layer1.0.conv1"]["calls"]) == (2, 1)
    assert found["avgpool"]["shape"] == [512, 1, 1]
    assert found["penultimate"]["module"] == "input of fc"


def test_arguments_reach_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(
        "from torch import nn\ndef make(features=3):\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, features), nn.Linear(features, 2))\n"
    )
    result = layers("nets.py:make", "--argument", "features=5", "--size", "16", "--json")
    assert result.exit_code == 0, result.output
    assert {facts["name"]: facts["shape"] for facts in json.loads(result.stdout)["layers"]}["penultimate"] == [5]


REFUSED = [
    (["resnet8", "--size", "3x"], "Expected --size as a side or HEIGHTxWIDTH in pixels, such as 224; got '3x'"),
    (["resnet8", "--argument", "width"], "Expected --argument KEY=VALUE; got 'width'"),
    (["resnet9"], "Unknown architecture 'resnet9'. Did you mean 'resnet"),
    (["torchvision:alexnet", "--size", "8"], "Expected images that architecture 'torchvision.alexnet' takes"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_what_cannot_be_listed_is_refused_in_one_line(arguments, message):
    result = layers(*arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {message}")
    assert len(result.stderr.splitlines()) == 1
