"""A representation equals a forward pass without hooks, and the pass stops at the layer."""

import doctest
from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import relu

import stir.representations
from stir.representations import represent


class Net(nn.Module):
    """In-place ReLUs after both hidden layers; registered in another order than executed."""

    def __init__(self):
        super().__init__()
        self.never_called = nn.Linear(3, 2)
        self.head = nn.Linear(5, 10)
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.hidden = nn.Linear(192, 5)
        self.relu = nn.ReLU(inplace=True)
        self.auxiliary = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.relu(self.hidden(self.relu(self.conv(x)).flatten(1))))


class Seen(nn.Identity):
    """Notes how many images pass through it."""

    def __init__(self):
        super().__init__()
        self.numbers = []

    def forward(self, x):
        self.numbers.append(len(x))
        return x


class SeenLinear(nn.Linear):
    """A linear layer that notes how many images pass through it."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.numbers = []

    def forward(self, x):
        self.numbers.append(len(x))
        return super().forward(x)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


@torch.no_grad()
def test_default_layer_is_the_input_of_the_linear_layer_called_last(net, images):
    by_hand = relu(net.hidden(relu(net.conv(images)).flatten(1)))
    torch.testing.assert_close(represent(net, images), by_hand)
    torch.testing.assert_close(represent(net, images, layer="penultimate"), by_hand)


@torch.no_grad()
@pytest.mark.parametrize("layer", ["conv", "hidden"])
def test_a_following_in_place_relu_does_not_alter_a_named_layer(net, images, layer):
    conv = net.conv(images)
    by_hand = {"conv": conv.flatten(1), "hidden": net.hidden(relu(conv).flatten(1))}[layer]
    assert (by_hand < 0).any()
    torch.testing.assert_close(represent(net, images, layer=layer), by_hand)


@pytest.fixture(scope="module")
def resnet18():
    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None)


@torch.no_grad()
@pytest.mark.parametrize("layer", [None, "bn1", "layer1.0.bn2", "layer4"])
def test_equals_torchvision_resnet18_by_hand(resnet18, generator, layer):
    batch = torch.rand(2, 3, 64, 64, generator=generator)
    model = resnet18.eval()
    bn1 = model.bn1(model.conv1(batch))
    pooled = model.maxpool(relu(bn1))
    block = model.layer1[0]
    layer4 = model.layer4(model.layer3(model.layer2(model.layer1(pooled.clone()))))
    by_hand = {
        None: layer4.mean(dim=(2, 3)),
        "bn1": bn1.flatten(1),
        "layer1.0.bn2": block.bn2(block.conv2(relu(block.bn1(block.conv1(pooled))))).flatten(1),
        "layer4": layer4.flatten(1),
    }[layer]
    torch.testing.assert_close(represent(resnet18.train(), batch, layer=layer), by_hand)


@torch.no_grad()
def test_poolings_flatten_or_average_over_space(net, images):
    conv = net.conv(images)
    flat = represent(net, images, layer="conv", pooling="flatten")
    mean = represent(net, images, layer="conv", pooling="spatial_mean")
    assert flat.shape == (12, 3 * 8 * 8)
    torch.testing.assert_close(flat.view(12, 3, 8, 8), conv)
    torch.testing.assert_close(mean, conv.mean(dim=(2, 3)))


@torch.no_grad()
def test_spatial_mean_leaves_vectors_alone(net, images):
    torch.testing.assert_close(represent(net, images, pooling="spatial_mean"), represent(net, images))


@pytest.mark.parametrize("layer", [None, "hidden"])
def test_forward_stops_at_the_layer(images, layer):
    parts = OrderedDict(flatten=nn.Flatten(), before=Seen(), hidden=nn.Linear(64, 5), between=Seen())
    parts |= OrderedDict(head=SeenLinear(5, 2), after=Seen())
    represent(nn.Sequential(parts), images, layer=layer)
    tried = 2 + 8 + 8 + 2  # two find the layer, eight are represented twice, two of them alone
    assert sum(parts["before"].numbers) == tried + len(images)
    assert parts["head"].numbers == parts["after"].numbers == [2], (
        "only the two images that find the layer pass through the whole model"
    )
    assert sum(parts["between"].numbers) == (2 if layer else tried + len(images))


def test_batch_size_does_not_change_the_result(net, images):
    whole = represent(net, images)
    for batch_size in (1, 5, 12):
        torch.testing.assert_close(represent(net, images, batch_size=batch_size), whole)


def test_batch_normalisation_and_dropout_are_in_eval_mode(images):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.9), nn.Linear(64, 2)).train()
    torch.testing.assert_close(represent(model, images), images.flatten(1) / (1 + model[1].eps) ** 0.5)


@torch.no_grad()
def test_images_follow_the_precision_of_the_model(net, images):
    representation = represent(net.double(), images, layer="conv")
    assert representation.dtype == torch.float64
    torch.testing.assert_close(representation, net.conv(images.double()).flatten(1))


def test_a_model_without_parameters_is_represented(images):
    torch.testing.assert_close(represent(nn.Sequential(nn.Flatten(), nn.Tanh()), images, layer="1"), images.flatten(1).tanh())


def test_the_result_is_no_view_of_the_images_and_carries_no_graph(images):
    representation = represent(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), images)
    assert not representation.requires_grad
    representation.zero_()
    assert images.any()


def test_the_model_is_left_as_found(lived_in_model, left_as_found, images):
    for layer in (None, "1", "3"):
        with left_as_found(lived_in_model):
            represent(lived_in_model, images, layer=layer, batch_size=5)


def test_the_model_is_left_as_found_after_an_exception(lived_in_model, left_as_found, images):
    def fail_on_batches(_module, inputs):
        if len(inputs[0]) > 1:
            raise RuntimeError("out of memory")

    lived_in_model[4].register_forward_pre_hook(fail_on_batches)
    with left_as_found(lived_in_model), pytest.raises(RuntimeError, match="out of memory"):
        represent(lived_in_model, images)


def test_the_example_in_the_docstring_runs():
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    (example,) = finder.find(stir.representations.represent, "represent")
    assert runner.run(example) == doctest.TestResults(failed=0, attempted=3)
