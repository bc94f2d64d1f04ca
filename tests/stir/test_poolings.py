"""A mean over space is taken where dimension 1 is known to be features, and refused elsewhere."""

import pytest
import torch
from torch import nn
from torchvision import models

from stir.errors import InvalidInputError, LayerError
from stir.poolings import get_pooling, projection_error
from stir.representations import represent

FIRST_OF_PROJECTION = [-6.80876, -2.5498, 0.00721]
"""As scikit-learn 1.9 draws it."""


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
    for layer in ("2", "3"):
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


class Tokens(nn.Module):
    """Patches of an image, then layers over tokens, with tokens that stand for no patch."""

    def __init__(self, n_patches=4, **added):
        super().__init__()
        self.patches = nn.Conv2d(1, 6, 8 // n_patches, stride=8 // n_patches)
        for name, number in added.items():
            setattr(self, name, nn.Parameter(torch.randn(1, number, 6)))
        self.positions = nn.Parameter(torch.randn(1, n_patches**2 + sum(added.values()), 6))
        self.tokens, self.added = nn.Identity(), list(added)
        self.block, self.last, self.head = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6)), nn.Identity(), nn.Linear(6, 3)

    def forward(self, x):
        patches = self.tokens(self.patches(x).flatten(2).transpose(1, 2))
        added = [getattr(self, name).expand(len(x), -1, -1) for name in self.added]
        return self.head(self.last(self.block(torch.cat([*added, patches], dim=1) + self.positions)).mean(dim=1))


@torch.no_grad()
@pytest.mark.parametrize(
    ("added", "prefix"),
    [
        *(({}, 0), ({"cls_token": 1}, 1), ({"class_embedding": 1, "register_tokens": 4}, 5)),
        *(({"reg_token": 2}, 2), ({"class_token": 1, "dist_token": 1}, 2)),
    ],
)
def test_tokens_that_stand_for_no_position_are_left_out_of_means_over_positions(images, added, prefix):
    torch.manual_seed(0)
    model = Tokens(**added)
    tokens = represent(model, images, layer="last").view(12, -1, 6)

    def pooled(pooling, layer="last"):
        return represent(model, images, layer=layer, pooling=pooling)

    for name in ("token_mean", "global_average", "global_average_last"):
        torch.testing.assert_close(pooled(name), tokens[:, prefix:].mean(dim=1))
        torch.testing.assert_close(pooled(name, "tokens"), pooled("global_average", "patches"))
    torch.testing.assert_close(pooled("token_mean_with_prefix"), tokens.mean(dim=1))
    assert torch.equal(pooled("global_max"), tokens[:, prefix:].amax(dim=1))
    if prefix and "reg_token" not in added:
        assert torch.equal(pooled("class_token"), tokens[:, 0])
        with pytest.raises(LayerError, match=r"no class token at this layer\. Use 'token_mean'"):
            pooled("class_token", "tokens")
    else:
        with pytest.raises(LayerError, match=r"the model has no class token .*Use 'token_mean'"):
            pooled("class_token")


def test_tokens_of_unknown_meaning_are_refused(images):
    model = Tokens(summary=1)
    for pooling in ("token_mean", "global_average"):
        with pytest.raises(LayerError, match=r"not known how many tokens stand for no position .*Use 'token_mean_with_prefix'"):
            represent(model, images, layer="last", pooling=pooling)
    assert represent(model, images, layer="last", pooling="token_mean_with_prefix").shape == (12, 6)


class Mixing(nn.Module):
    """Mixes tokens by a linear layer over their transpose, as MLP-Mixers do."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm, self.mix = nn.Conv2d(1, 6, 2, stride=2), nn.LayerNorm(6), nn.Linear(16, 16)
        self.mixed, self.head = nn.Identity(), nn.Linear(6, 3)

    def forward(self, x):
        tokens = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.mixed(self.mix(tokens.transpose(1, 2)).transpose(1, 2)).mean(dim=1))


@torch.no_grad()
def test_positions_that_a_linear_layer_mixes_are_never_taken_for_features(images):
    model = Mixing()
    for layer in ("mix", "mixed"):
        for pooling in ("spatial_mean", "global_average"):
            with pytest.raises(LayerError, match=rf"'{layer}' to give .*pooling '{pooling}'"):
                represent(model, images, layer=layer, pooling=pooling)
    mixed = represent(model, images, layer="mixed").view(12, 16, 6)
    torch.testing.assert_close(represent(model, images, layer="mixed", pooling="global_average_last"), mixed.mean(dim=1))
    torch.testing.assert_close(represent(model, images, layer="mix", pooling="global_average_first"), mixed.mean(dim=1))


@torch.no_grad()
@pytest.mark.parametrize("last", [False, True])
def test_global_poolings_are_over_positions_wherever_channels_lie(generator, last):
    photos, convolution = torch.rand(3, 3, 8, 8, generator=generator), nn.Conv2d(3, 8, 3, padding=1)
    model = nn.Sequential(convolution, Apply(lambda x: x.permute(0, 2, 3, 1)) if last else nn.Identity(), nn.GELU())
    expected = nn.functional.gelu(convolution(photos))
    where = "last" if last else "first"
    for named in ("", f"_{where}"):
        mean, most, grid = (
            represent(model, photos, layer="2", pooling=f"{pooling}{named}")
            for pooling in ("global_average", "global_max", "adaptive_average_3x2")
        )
        torch.testing.assert_close(mean, expected.mean(dim=(2, 3)))
        torch.testing.assert_close(most, expected.amax(dim=(2, 3)))
        torch.testing.assert_close(grid, nn.functional.adaptive_avg_pool2d(expected, (3, 2)).flatten(1))
    with pytest.raises(LayerError, match=rf"channels lie {where}\. Leave _\w+ out"):
        represent(model, photos, layer="2", pooling=f"global_average_{'first' if last else 'last'}")


def test_a_pooling_of_a_layer_that_has_not_its_dimensions_is_refused(images):
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(288, 20), nn.Linear(20, 2))
    for layer, pooling, message in [
        ("0", "class_token", r"got \(2, 8, 6, 6\), which is no sequence of tokens"),
        ("2", "token_mean", r"got \(2, 20\), which is no sequence of tokens"),
        ("2", "adaptive_average_2x2", r"got \(2, 20\), which is no image"),
        ("0", "adaptive_average_7x2", r"which has 6 x 6 positions\. Use a smaller grid"),
        ("2", "random_projection_20", r"'2' to give \(n, \.\.\.\) .*got \(2, 20\), which has no more features than that"),
    ]:
        with pytest.raises(LayerError, match=message):
            represent(model, images, layer=layer, pooling=pooling)
    for pooling in ("global_average", "global_max", "spatial_mean"):
        assert torch.equal(represent(model, images, layer="2", pooling=pooling), represent(model, images, layer="2"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("global_averag", "Did you mean 'global_average'"),
        ("flatten_last", "Unknown pooling 'flatten_last'"),
        ("adaptive_average_0x2", "Did you mean 'adaptive_average_KxK'"),
        ("random_projection_D", "Expected numbers in pooling 'random_projection_D'"),
        ("random_projection_5_", "Unknown pooling"),
        (3, "Unknown pooling 3"),
        (None, "Unknown pooling None"),
    ],
)
def test_a_pooling_that_is_none_is_refused(images, name, message):
    with pytest.raises(InvalidInputError, match=message):
        represent(nn.Sequential(nn.Flatten()), images, layer="0", pooling=name)


@pytest.mark.parametrize(("function", "came"), [(lambda x: x, r"\(2, 1, 8, 8\)"), (lambda x: x.sum(), r"\(\)"), (str, "str")])
def test_a_function_that_gives_no_row_per_image_is_no_pooling(images, function, came):
    with pytest.raises(InvalidInputError, match=rf"to give \(n, d\) of real numbers .*got {came}\. Return one row per image"):
        represent(nn.Sequential(nn.Identity()), images[:2], layer="0", pooling=function)


def test_random_projections_keep_distances_within_the_stated_error(generator):
    points = torch.randn(40, 3, 50, 50, generator=generator, requires_grad=True)
    project = get_pooling("random_projection_1000")
    projected = project(points)
    changes = (torch.pdist(projected) / torch.pdist(points.flatten(1))).square() - 1
    assert changes.abs().max() < projection_error(40, 1000) == pytest.approx(0.183, abs=1e-3)
    assert projection_error(1000, 10) == float("inf")
    projected.square().sum().backward()
    assert points.grad.abs().sum() > 0


def test_random_projections_depend_on_their_name_alone(generator):
    points = torch.randn(9, 600, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        whole = get_pooling("random_projection_50")(points)
    parts = [get_pooling("random_projection_50_0")(points[start : start + 4]) for start in (0, 4, 8)]
    torch.testing.assert_close(torch.cat(parts), whole)
    assert not torch.allclose(get_pooling("random_projection_50_1")(points), whole)
    assert whole[0, :3].tolist() == pytest.approx(FIRST_OF_PROJECTION, abs=1e-5), "scikit-learn draws another matrix"
    assert get_pooling("random_projection_50")(points.to(torch.bfloat16)).dtype == torch.bfloat16
