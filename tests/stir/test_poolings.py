"""A mean over space is taken where dimension 1 is known to be features, and refused elsewhere."""

import pytest
import torch
from torch import nn
from torchvision import models

from stir.errors import LayerError
from stir.poolings import get_pooling
from stir.representations import represent


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.fixture
def photos(generator):
    return torch.rand(3, 3, 64, 64, generator=generator)


@pytest.mark.parametrize(
    ("name", "layer", "features"),
    [
        *(("resnet18", "layer2", 128), ("resnet18", "maxpool", 64), ("densenet121", "features.denseblock1", 256)),
        *(("squeezenet1_1", "features.3", 128), ("efficientnet_b0", "features.2", 24), ("convnext_tiny", "features.3", 192)),
    ],
)
def test_channels_first_activations_are_averaged_over_space(photos, name, layer, features):
    model = models.get_model(name, num_classes=2)
    flat, mean = (represent(model, photos, layer=layer, pooling=pooling) for pooling in ("flatten", "spatial_mean"))
    assert mean.shape == (3, features)
    torch.testing.assert_close(mean, flat.view(3, features, -1).mean(dim=2))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        *(("swin_t", "features.1"), ("swin_t", "norm")),
        *(("convnext_tiny", "features.1.0.block.4"), ("convnext_tiny", "features.1.0.block.1")),
    ],
)
def test_channels_last_activations_are_refused(photos, name, layer):
    with pytest.raises(
        LayerError, match=rf"'{layer}' to give \(n, features, height, width\) for pooling 'spatial_mean'.*flatten"
    ):
        represent(models.get_model(name, num_classes=2), photos, layer=layer, pooling="spatial_mean")


@pytest.mark.parametrize("layer", ["encoder", "encoder.layers.encoder_layer_0.mlp", "encoder.dropout"])
def test_tokens_are_refused(photos, layer):
    vit = models.VisionTransformer(64, 16, 1, 2, 16, 32, num_classes=3)
    with pytest.raises(LayerError, match=r"got \(2, 17, 16\).*tokens"):
        represent(vit, photos, layer=layer, pooling="spatial_mean")
    assert represent(vit, photos, layer=layer).shape == (3, 17 * 16)


@pytest.mark.parametrize("size", [8, 9])
def test_a_permuted_convolution_is_refused_and_a_plain_one_is_not(size, generator):
    images, convolution = torch.rand(2, 1, size, size, generator=generator), nn.Conv2d(1, 8, 3, padding=1)
    last = nn.Sequential(convolution, Apply(lambda x: x.permute(0, 2, 3, 1)), nn.GELU(), nn.LayerNorm(8))
    assert represent(nn.Sequential(convolution, nn.ReLU()), images, layer="1", pooling="spatial_mean").shape == (2, 8)
    for layer in ("2", "3") if size == 9 else ("3",):
        with pytest.raises(LayerError, match="spatial_mean"):
            represent(last, images, layer=layer, pooling="spatial_mean")


def test_sequences_of_a_convolution_are_averaged(generator):
    model = nn.Sequential(nn.Conv1d(2, 5, 3), nn.ReLU())
    assert represent(model, torch.rand(4, 2, 9, generator=generator), layer="1", pooling="spatial_mean").shape == (4, 5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_mean_of_half_precision_is_taken_in_float32(dtype):
    mean = get_pooling("spatial_mean")(torch.full((1, 2, 300, 300), 60000.0).to(dtype))
    assert mean.dtype == dtype
    assert torch.equal(mean, torch.full((1, 2), 60000.0).to(dtype))
