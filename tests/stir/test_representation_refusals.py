"""What `represent` refuses, with the argument and the remedy in the message."""

import numpy as np
import pytest
import torch
from torch import nn

from stir.errors import InvalidInputError, LayerError
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
    with pytest.raises(LayerError, match=r"no layer 'conv9'\. Known: 'extra', 'hidden'\."):
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
        represent(Forward(lambda m, x: m.hidden(x) + m.hidden(x * 2)), images)


def test_a_model_without_linear_layers_has_no_default_layer(images):
    with pytest.raises(LayerError, match=r"no linear layer.*layer=\.\.\."):
        represent(nn.Sequential(nn.Conv2d(1, 2, 3)), images)
    with pytest.raises(LayerError, match=r"calls no linear layer.*name a layer"):
        represent(Forward(lambda m, x: m.extra(x)), images)


@pytest.mark.parametrize(
    ("extra", "came"),
    [(Splitting(), "got tuple"), (Averaging(), r"got \(\)"), (Patches(), r"got \(2, 5\)")],
    ids=lambda x: str(x),
)
def test_a_layer_without_one_row_an_image_is_refused(images, extra, came):
    model = Forward(lambda m, x: m.extra(torch.cat([m.hidden(x)] * 2, dim=1)), extra)
    with pytest.raises(LayerError, match=rf"'extra' to give one tensor \(n, \.\.\.\) for n images; {came}.*Name another layer"):
        represent(model, images, layer="extra")


def test_a_path_that_depends_on_the_images_is_refused(images):
    model = Forward(lambda m, x: m.hidden(x) if len(x) == 1 else x[:, :5])
    with pytest.raises(LayerError, match=r"no longer reaches layer 'hidden'"):
        represent(model, images, layer="hidden")


def test_a_linear_layer_called_with_a_keyword_is_found(images):
    model = Forward(lambda m, x: m.hidden(input=x))
    torch.testing.assert_close(represent(model, images), images.flatten(1))
