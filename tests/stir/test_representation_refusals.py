"""What `represent` refuses, with the argument and the remedy in the message."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from stir.errors import InvalidInputError, LayerError, NondeterministicModelError
from stir.representations import represent


class Forward(nn.Module):
    """A linear layer, a layer of any kind, and a forward pass of any kind."""

    def __init__(self, forward, extra=None):
        super().__init__()
        self.hidden = nn.Linear(64, 5)
        self.extra = nn.Identity() if extra is None else extra
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x.flatten(1))


class Splitting(nn.Module):
    """Gives two tensors."""

    def forward(self, x):
        return x, x


class Averaging(nn.Module):
    """Gives one number for the whole batch."""

    def forward(self, x):
        return x.mean()


class Apply(nn.Module):
    """Apply a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Patches(nn.Module):
    """Gives several rows an image."""

    def forward(self, x):
        return x.reshape(-1, 5)


def _once(model, x):
    return model.extra(model.hidden(x[:, :64]))


@pytest.fixture
def model():
    return Forward(_once)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: (x * 255).to(torch.uint8), r"images of a floating-point type.*torch\.uint8.*images\.float\(\) / 255"),
        (lambda x: x.index_fill(0, torch.tensor([3]), torch.nan), r"finite images.*image 3\. Leave such images out"),
        (lambda x: x.index_fill(0, torch.tensor([2]), torch.inf), r"finite images.*image 2\. Leave such images out"),
        (lambda x: x[0, 0, 0], r"images of shape \(n, .*got \(8,\).*images\[None\]"),
        (lambda x: x[:0], r"n >= 1; got \(0, 1, 8, 8\)"),
        (lambda x: x.numpy(), r"images as a torch\.Tensor; got ndarray.*torch\.as_tensor"),
        (lambda x: list(np.asarray(x)), r"images as a torch\.Tensor; got list"),
    ],
    ids=["integers", "nan", "infinity", "unbatched", "empty", "numpy", "list"],
)
def test_images_that_cannot_be_represented(model, images, change, message):
    with pytest.raises(InvalidInputError, match=message):
        represent(model, change(images))


def test_a_function_is_no_model(images):
    with pytest.raises(InvalidInputError, match=r"model as a torch\.nn\.Module; got function.*Wrap"):
        represent(lambda x: x, images)


def test_an_unknown_layer_is_refused_with_near_matches(model, images):
    with pytest.raises(LayerError, match=r"no layer 'hiden'\. Did you mean 'hidden'\?"):
        represent(model, images, layer="hiden")
    with pytest.raises(LayerError, match=r"no layer 'conv9'\. Known: 'extra', 'hidden', 'output', 'penultimate'\."):
        represent(model, images, layer="conv9")


def test_the_whole_model_is_no_layer(model, images):
    with pytest.raises(LayerError, match="no layer ''"):
        represent(model, images, layer="")


def test_an_unknown_pooling_is_refused_with_near_matches(model, images):
    with pytest.raises(InvalidInputError, match=r"Unknown pooling 'spatial'\. Did you mean 'spatial_mean'\?"):
        represent(model, images, pooling="spatial")


@pytest.mark.parametrize(
    ("forward", "calls"), [(lambda m, x: m.hidden(x) + m.hidden(x * 2), 2), (lambda m, x: m.extra(x), 0)], ids=["twice", "never"]
)
def test_a_layer_that_is_not_called_once_is_refused(images, forward, calls):
    with pytest.raises(LayerError, match=rf"'hidden' to be called once.*called {calls} times.*such as its parent"):
        represent(Forward(forward), images, layer="hidden")


def test_a_default_layer_that_is_called_twice_is_refused(images):
    with pytest.raises(LayerError, match=r"last linear layer 'hidden' is called several times: name a layer"):
        represent(Forward(lambda m, x: m.hidden(x) + 0 * m.hidden(x)), images)


def test_a_model_without_linear_layers_has_no_default_layer(images):
    with pytest.raises(LayerError, match=r"no linear layer.*layer=\.\.\."):
        represent(nn.Sequential(nn.Conv2d(1, 2, 3)), images)
    with pytest.raises(LayerError, match=r"calls no linear layer.*name a layer"):
        represent(Forward(lambda m, x: m.extra(x)), images)


@pytest.mark.parametrize(
    ("extra", "came"),
    [
        (Splitting(), r"got tuple of .*Choose with select='\[0\]' or such"),
        (Averaging(), r"got \(\)"),
        (Patches(), r"got \(4, 5\)"),
        (Apply(lambda x: x.T), r"got \(10, 2\) for n=2"),
        (Apply(lambda x: torch.ones(1, 5)), r"got \(1, 5\) for n=2"),
        (Apply(lambda x: x[:7]), r"got \(7, 10\) for n=8"),
        (Apply(lambda x: {"tokens": x, "more": [x]}), r"got dict of 'tokens' \(2, 10\), 'more\[0\]' \(2, 10\), for n=2"),
        (Apply(lambda x: {"loss": x.mean()}), r"got dict of 'loss' \(\)"),
        (Apply(torch.fft.fft), r"got a tensor of torch\.complex64"),
        (Apply(lambda x: x.argsort(dim=1)), r"got a tensor of torch\.int64"),
        (Apply(lambda x: x[:, :0]), r"got \(2, 0\)"),
    ],
    ids=lambda x: str(x)[:20],
)
def test_a_layer_without_one_row_an_image_is_refused(images, extra, came):
    model = Forward(lambda m, x: m.extra(torch.cat([m.hidden(x)] * 2, dim=1)), extra)
    with pytest.raises(
        LayerError, match=rf"'extra' to give one tensor \(n, \.\.\.\) of real numbers for n images; {came}.*[Nn]ame another layer"
    ):
        represent(model, images, layer="extra")


def test_a_path_that_depends_on_the_images_is_refused(images):
    model = Forward(lambda m, x: m.hidden(x) if len(x) == 2 else x[:, :5])
    with pytest.raises(LayerError, match=r"no longer reaches layer 'hidden'"):
        represent(model, images, layer="hidden")


def test_a_linear_layer_called_with_a_keyword_is_found(images):
    model = Forward(lambda m, x: m.hidden(input=x))
    torch.testing.assert_close(represent(model, images), images.flatten(1))


@pytest.mark.parametrize(
    "noise",
    [nn.functional.dropout, lambda x: x + 1e-3 * torch.rand_like(x), lambda x: x * (1 + time.perf_counter_ns() % 1000)],
    ids=["dropout", "noise", "clock"],
)
def test_a_model_that_represents_the_same_images_differently_is_refused(images, noise):
    with pytest.raises(NondeterministicModelError, match=r"differently the second time .*`self\.training`"):
        represent(Forward(lambda m, x: m.hidden(noise(x))), images, layer="hidden")


def test_a_model_whose_images_change_each_other_is_refused(images):
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64, track_running_stats=False), nn.Linear(64, 3))
    with pytest.raises(NondeterministicModelError, match=r"differently beside other images .*track_running_stats=False"):
        represent(model, images)


def test_a_model_with_noise_for_each_place_in_the_batch_is_refused(images):
    noise = torch.rand(len(images), 64, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Flatten(), Apply(lambda x: x + noise[: len(x)]), nn.Linear(64, 3))
    with pytest.raises(NondeterministicModelError, match=r"results would depend on batch_size.* noise for each place"):
        represent(model, images)


def test_the_hidden_layer_of_a_headless_backbone_is_not_the_default(images):
    hidden = nn.Sequential(nn.Linear(64, 5), nn.ReLU(inplace=True))
    message = r"last linear layer '1\.0' does not give the model's output.*Name a layer, such as .*'1' or '2'"
    with pytest.raises(LayerError, match=message):
        represent(nn.Sequential(nn.Flatten(), hidden, nn.Identity()), images)


@pytest.mark.parametrize(
    "head",
    [nn.Identity(), nn.Softmax(dim=1), nn.LogSoftmax(dim=1), nn.Unflatten(1, (5, 1)), Apply(lambda x: {"logits": x, "x": 0 * x})],
    ids=lambda head: str(head)[:12],
)
def test_a_linear_layer_that_gives_the_output_as_it_is_or_as_probabilities_has_the_default_as_input(images, head):
    torch.testing.assert_close(represent(nn.Sequential(nn.Flatten(), nn.Linear(64, 5), head), images), images.flatten(1))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 9, 9, 3), r"takes; got \(n, 9, 9, 3\)\. They have channels last: pass images\.permute\(0, 3, 1, 2\)"),
        ((3, 9, 9), r"takes; got \(n, 9, 9\)\. .*images\[None\]"),
        ((9, 9, 3), r"takes; got \(n, 9, 3\)\. A single image with channels last: pass images\.permute\(2, 0, 1\)\[None\]"),
        ((5, 1, 9, 9), r"takes; got \(n, 1, 9, 9\)\. Pass images of 3 channels"),
        ((5, 243), r"takes; got \(n, 243\)"),
    ],
)
def test_images_of_another_shape_are_told_the_shape_that_the_first_convolution_takes(shape, message):
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(98, 2))
    with pytest.raises(InvalidInputError, match=r"\(n, 3, height, width\), as the model's first convolution '0' " + message):
        represent(model, torch.rand(shape))


def test_images_that_a_model_without_convolutions_fails_on(images):
    with pytest.raises(InvalidInputError, match=r"fails on \(n, 1, 8, 8\): mat1 and mat2 shapes cannot be multiplied"):
        represent(nn.Sequential(nn.Flatten(), nn.Linear(3, 2)), images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model, x: model.to("meta"), r"'0\.weight' is on the device 'meta'.*load_state_dict"),
        (lambda model, x: torch.jit.trace(model, x), r"got TorchScript, whose layers cannot be read"),
        (lambda model, x: nn.Sequential(nn.LazyLinear(2)), r"'0\.weight' has no shape yet"),
    ],
    ids=["meta", "TorchScript", "lazy"],
)
@pytest.mark.filterwarnings("ignore")
def test_models_that_cannot_be_worked_with(images, change, message):
    model = nn.Sequential(nn.Linear(8, 2), nn.Flatten())
    with pytest.raises(InvalidInputError, match=message):
        represent(change(model, images), images)


@pytest.mark.parametrize(
    "change", [torch.Tensor.to_sparse, lambda x: x.to("meta"), lambda x: torch.nested.nested_tensor(list(x))]
)
@pytest.mark.filterwarnings("ignore")
def test_images_without_dense_values_are_refused(model, images, change):
    with pytest.raises(InvalidInputError, match=r"images as a dense tensor with values"):
        represent(model, change(images))


@pytest.mark.parametrize("layer", [3, nn.Linear(1, 1), True, ["hidden"]])
def test_a_layer_is_named_by_text(model, images, layer):
    with pytest.raises(LayerError, match="The model has no layer"):
        represent(model, images, layer=layer)
