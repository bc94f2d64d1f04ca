"""The default layer is what the classifier takes, as the model states it or as its output shows; else it is refused."""

import pytest
import torch
from torch import nn
from torchvision import models

from stir.errors import LayerError
from stir.layers import LayerSpec, describe, resolve_layer
from stir.representations import represent


class Net(nn.Module):
    """Features, then a forward pass of any kind over named modules."""

    def __init__(self, forward, classifiers=None, **parts):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.Tanh())
        for name, part in parts.items():
            self.add_module(name, part)
        self._forward = forward
        if classifiers is not None:
            self.get_classifier = lambda: classifiers(self)

    def forward(self, x):
        return self._forward(self, self.features(x))


class Cosine(nn.Module):
    """A classifier that is no linear layer of torch's."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 6))

    def forward(self, x):
        return nn.functional.normalize(x) @ nn.functional.normalize(self.weight).T


def _mlp():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


torch.manual_seed(0)
FOUND = {
    "a classifier of several layers": Net(lambda m, x: m.head(x), lambda m: m.head, head=_mlp()),
    "a backbone whose classifier is an identity": Net(lambda m, x: m.head(x), lambda m: m.head, head=nn.Identity()),
    "a classifier before an auxiliary one": Net(
        lambda m, x: m.head(x) + 0.5 * m.aux(x).amax(dim=1, keepdim=True),
        lambda m: m.head,
        head=nn.Linear(6, 3),
        aux=nn.Linear(6, 3),
    ),
    "two classifiers that take the same features": Net(
        lambda m, x: (m.head(x) + m.dist(x)) / 2, lambda m: (m.head, m.dist), head=nn.Linear(6, 3), dist=nn.Linear(6, 3)
    ),
    "no statement, and an auxiliary linear layer last": Net(
        lambda m, x: {"logits": m.head(x), "aux": m.aux(x)}, head=nn.Linear(6, 3), aux=nn.Linear(6, 3)
    ),
    "a statement that takes arguments": Net(lambda m, x: m.head(x), lambda m: m.head.nothing, head=nn.Linear(6, 3)),
    "a convolution of one position": Net(lambda m, x: m.head(x[:, :, None, None]).flatten(1), head=nn.Conv2d(6, 3, 1)),
    "a classifier that is no linear layer of torch's": Net(lambda m, x: m.head(x).softmax(dim=1), head=Cosine()),
    "the norm that ends a backbone": Net(lambda m, x: m.fc_norm(x), fc_norm=nn.LayerNorm(6, elementwise_affine=False)),
    "the pooled output of a backbone, though a linear layer gives it": Net(
        lambda m, x: {"pooler_output": m.pooler(x), "last_hidden_state": x[:, None]}, pooler=nn.Linear(6, 6)
    ),
    "the pooled output of a backbone": Net(lambda m, x: {"last_hidden_state": x[:, None], "pooler_output": x.clone()}),
}


@torch.no_grad()
@pytest.mark.parametrize("kind", FOUND)
def test_the_default_layer_is_what_the_classifier_takes(images, kind):
    model, expected = FOUND[kind], FOUND[kind].features(images)
    for name in ("fc_norm", "pooler"):
        expected = getattr(model, name, nn.Identity())(expected)
    torch.testing.assert_close(represent(model, images), expected)
    (last,) = (facts for facts in describe(model, images) if facts.name == "penultimate")
    assert last.shape[:1] == (6,)


def test_a_network_with_a_further_classifier_behind_it_has_that_ones_features(images):
    network = Net(lambda m, x: m.head(x), lambda m: m.head, head=nn.Linear(6, 3))
    assert represent(nn.Sequential(network, nn.Linear(3, 2)), images).shape == (12, 3)


@torch.no_grad()
def test_the_last_convolution_of_squeezenet_is_its_classifier(generator):
    photos, model = torch.rand(2, 3, 32, 32, generator=generator), models.squeezenet1_1(num_classes=4).eval()
    torch.testing.assert_close(represent(model, photos), model.features(photos).flatten(1))
    assert represent(model, photos, pooling="global_average").shape == (2, 512)


REFUSED = {
    "classifiers of different features": (
        Net(
            lambda m, x: (m.head(x) + m.dist(x.flip(1))) / 2,
            lambda m: [m.head, m.dist],
            head=nn.Linear(6, 3),
            dist=nn.Linear(6, 3),
        ),
        r"classifiers 'head' and 'dist' take different features.*Name a layer, such as",
    ),
    "two outputs": (
        Net(lambda m, x: (m.first(x), m.second(x.square())), first=nn.Linear(6, 3), second=nn.Linear(6, 2)),
        r"Name a layer, such as .*'first' or 'second'",
    ),
    "a projection that is normalised": (
        Net(lambda m, x: nn.functional.normalize(m.project(x)), project=nn.Linear(6, 3)),
        r"'project' does not give the model's output.*Name a layer, such as .*'project' or 'output'",
    ),
    "a segmentation": (
        Net(lambda m, x: m.head(x[:, :, None, None].expand(-1, -1, 2, 2)), head=nn.Conv2d(6, 3, 1)),
        "does not give the model's output",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_default_layer_that_is_not_known_is_refused_with_layers_that_can_be_read(images, kind):
    model, message = REFUSED[kind]
    with pytest.raises(LayerError, match=message):
        represent(model, images)
    assert "penultimate" not in {facts.name for facts in describe(model, images)}


def test_the_penultimate_layer_has_nothing_to_select(images):
    with pytest.raises(LayerError, match=r"penultimate layer is one tensor; got select='x'\. Leave it out"):
        represent(FOUND["a classifier of several layers"], images, select="x")


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vit_tiny_patch16_224", {"img_size": 32, "depth": 1, "global_pool": "avg"}),
        ("vit_tiny_patch16_224", {"img_size": 32, "depth": 1, "num_classes": 0}),
        ("convnext_atto", {"depths": (1, 1, 1, 1), "num_classes": 0}),
        ("caformer_s18", {}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_default_layer_of_timms_models_is_what_timm_calls_features(generator, name, settings):
    timm = pytest.importorskip("timm")
    photos, model = torch.rand(2, 3, 32, 32, generator=generator), timm.create_model(name, **settings).eval()
    features = model.forward_head(model.forward_features(photos), pre_logits=True)
    torch.testing.assert_close(represent(model, photos), features)


@pytest.mark.filterwarnings("ignore")
def test_transformers_without_a_classifier_have_the_pooled_output_and_with_two_of_them_none(generator):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "image_size": 16}
    photos = torch.rand(2, 3, 16, 16, generator=generator)
    model = transformers.ViTModel(transformers.ViTConfig(**sizes, patch_size=8))
    assert resolve_layer(model.eval(), None, photos) == resolve_layer(model, LayerSpec("output", "pooler_output"), photos)
    teacher = transformers.DeiTForImageClassificationWithTeacher(transformers.DeiTConfig(**sizes, patch_size=8))
    with pytest.raises(LayerError, match="does not give the model's output"):
        represent(teacher, photos)
