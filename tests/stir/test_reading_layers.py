"""Which tensor of a model is read: its output, one call of several, a part of an output, several layers in one pass."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import stir
from stir.errors import InvalidInputError, LayerError
from stir.layers import LayerSpec, describe, expand, resolve_layer
from stir.models.normalise import Normalise
from stir.representations import represent, represent_layers

Pair = namedtuple("Pair", ["first", "second"])


@dataclass
class Outputs:
    """What some libraries give."""

    loss: object
    hidden: list


class Block(nn.Module):
    """Two hidden layers with one ReLU, called after each, in place."""

    def __init__(self, wrap=lambda hidden, more: hidden):
        super().__init__()
        self.first, self.second = nn.Linear(64, 6), nn.Linear(6, 6)
        self.relu = nn.ReLU(inplace=True)
        self.unused = nn.Linear(1, 1)
        self.wrap = wrap

    def forward(self, x):
        first = self.relu(self.first(x.flatten(1)))
        return self.wrap(self.relu(self.second(first)), first)


def _of_layers(model, images):
    """Return both hidden layers, after the ReLU."""
    first = model.first(images.flatten(1)).relu()
    return first, model.second(first).relu()


@pytest.fixture
def block():
    torch.manual_seed(0)
    return Block().eval()


@torch.no_grad()
def test_the_output_of_a_backbone_is_a_layer(block, images):
    for wrapped in (block, nn.Sequential(block)):
        torch.testing.assert_close(represent(wrapped, images, layer="output"), _of_layers(block, images)[1])


def test_a_module_that_is_called_output_is_the_layer_of_that_name(images):
    model = nn.Sequential(OrderedDict(flatten=nn.Flatten(), output=nn.Linear(64, 5), after=nn.Tanh()))
    torch.testing.assert_close(represent(model, images, layer="output"), represent(model, images, layer="after").atanh())


@torch.no_grad()
@pytest.mark.parametrize("number", [0, 1])
def test_one_call_of_a_layer_that_is_called_several_times_is_read(block, images, number):
    torch.testing.assert_close(represent(block, images, layer=f"relu:{number}"), _of_layers(block, images)[number])
    assert resolve_layer(block, "first:0", images[:2]) == resolve_layer(block, "first", images[:2])


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("relu", r"called once.*called 2 times\. Name one call, from 'relu:0' to 'relu:1', or .*such as its parent"),
        ("relu:2", r"call of layer 'relu' from 0 to 1; got 2\. It is called 2 times"),
        ("unused:0", r"'unused' to be called; a forward pass does not call it"),
        ("relo:0", r"no layer 'relo:0'\. Did you mean 'relu'"),
        ("relu:-1", r"no layer 'relu:-1'"),
        ("relu:one", r"no layer 'relu:one'"),
    ],
)
def test_a_call_that_is_not_made_is_refused(block, images, layer, message):
    with pytest.raises(LayerError, match=message):
        represent(block, images, layer=layer)


WRAPPED = {
    "tuple": (lambda hidden, more: (hidden, more), [0, "[0]", -2, "[-2]"]),
    "dictionary": (lambda hidden, more: {"hidden": hidden, "more": more}, ["hidden", 0, "[0]"]),
    "dictionary with numbers": (lambda hidden, more: {7: hidden, 8: more}, [7, "[7]"]),
    "names with dots": (lambda hidden, more: {"hidden.of.last": hidden, "more": more}, ["hidden.of.last"]),
    "named tuple": (lambda hidden, more: Pair(hidden, more), ["first", 0]),
    "nested": (lambda hidden, more: {"all": [more, {"x": hidden}]}, ["all[1].x", "all[-1].x", "[0][1].x"]),
    "object": (lambda hidden, more: Outputs(None, [more, hidden]), ["hidden[1]", "[0][1]"]),
}


@torch.no_grad()
@pytest.mark.parametrize("kind", WRAPPED)
def test_a_selector_names_a_part_of_what_a_layer_gives(images, kind):
    torch.manual_seed(0)
    wrap, selectors = WRAPPED[kind]
    block = Block(wrap)
    expected = _of_layers(block, images)[1]
    for select in selectors:
        torch.testing.assert_close(represent(block, images, layer="output", select=select), expected)
        torch.testing.assert_close(represent(nn.Sequential(block), images, layer="0", select=select), expected)
        torch.testing.assert_close(represent(block, images[:1], layer="output", select=select), expected[:1])


@torch.no_grad()
def test_the_only_tensor_with_a_row_an_image_needs_no_selector(images):
    block = Block(lambda hidden, more: {"loss": more.sum(), "n": 3, "hidden": (hidden,), "masks": more > 0, "none": None})
    torch.testing.assert_close(represent(block, images, layer="output"), _of_layers(block, images)[1])
    assert resolve_layer(block, "output", images[:2]).select == "hidden[0]"


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("hiden", r"output of layer 'output' has no part 'hiden'\. Its tensors are 'hidden' \(2, 6\), 'more\[0\]' \(2, 6\)"),
        (2, r"has no part 2\. Its tensors"),
        ("more[1]", r"has no part 'more\[1\]'"),
        ("more", r"'output' to give one tensor .*got list for n=2"),
        ("[[0]]", r"has no part '\[\[0\]\]'"),
        ("", r"has no part ''"),
        (1.0, r"Expected a selector as a field, a key or an index; got 1\.0"),
        (True, r"Expected a selector .* got True"),
        (None, r"got dict of 'hidden' \(2, 6\), 'more\[0\]' \(2, 6\), for n=2\. Choose with select='hidden' or such"),
    ],
)
def test_a_selector_of_nothing_that_is_there_is_refused_with_the_choices(images, select, message):
    with pytest.raises(LayerError, match=message):
        represent(Block(lambda hidden, more: {"hidden": hidden, "more": [more]}), images, layer="output", select=select)


def test_a_tensor_has_nothing_to_select(block, images):
    with pytest.raises(LayerError, match=r"'first' gives one tensor, so there is nothing to select; got select=0\. Leave it out"):
        represent(block, images, layer="first", select=0)


def test_a_layer_spec_carries_selector_and_pooling_and_admits_no_others(block, images):
    spec = LayerSpec("first", None, lambda x: x[:, :2])
    torch.testing.assert_close(represent(block, images, layer=spec), represent(block, images, layer="first")[:, :2])
    for change in ({"select": 1}, {"pooling": "spatial_mean"}):
        with pytest.raises(InvalidInputError, match=r"in the LayerSpec or beside it; got .* and .*Drop one"):
            represent(block, images, layer=spec, **change)


@torch.no_grad()
def test_layers_behind_preprocessing_are_named_with_or_without_it(block, images):
    model = nn.Sequential(OrderedDict(normalise=Normalise(1), network=nn.Sequential(block)))
    for layer in ("0.first", "0.relu:1"):
        torch.testing.assert_close(represent(model, images, layer=layer), represent(model, images, layer=f"network.{layer}"))
    assert {"0.first", "0.relu"} <= {facts.name for facts in describe(model, images)}
    assert expand(model, ["*.first", "network.*.second"], images) == ["0.first", "0.second"]


def _three(activations):
    return activations[:, :3]


@torch.no_grad()
def test_several_layers_are_read_in_one_pass_as_each_alone(images):
    block = Block(lambda hidden, more: {"hidden": hidden, "more": more})
    model = nn.Sequential(OrderedDict(block=block, after=nn.Identity()))
    calls = []
    block.first.register_forward_hook(lambda _module, inputs, _output: calls.append(len(inputs[0])))
    layers = [
        "block.relu:1",
        "block.first",
        LayerSpec("block", "more", _three),
        "block.first",
        LayerSpec("output", 0),
    ]
    read = represent_layers(model, images, layers, batch_size=5)
    assert sum(calls) == 2 + 5 + 5 + 2 + len(images), "one pass of all images, after the layers were found and tried"
    for layer, representation in zip(layers, read, strict=True):
        assert torch.equal(representation, represent(model, images, layer=layer, batch_size=5))
    assert [len(each) for each in represent_layers(model, images[:1], layers)] == [1] * 5


def test_several_layers_end_the_pass_at_the_last(block, images):
    after = nn.Linear(6, 2)
    model, called = nn.Sequential(block, after), []
    after.register_forward_hook(lambda *_: called.append(1))
    represent_layers(model, images, ["0.relu:0", "0.second"])
    assert called == [1], "only to find the layers"
    with pytest.raises(InvalidInputError, match="Expected one layer or more; got none"):
        represent_layers(model, images, [])


PATTERNS = [
    ("block?.first", ["block1.first", "block2.first"]),
    ("block[2-3].*", ["block2.first", "block2.relu:0", "block2.second", "block2.relu:1"]),
    ("**.relu:1", ["block1.relu:1", "block2.relu:1"]),
    ("block1.relu", ["block1.relu"]),
    (["head", "penultimate", "output", "head"], ["head", "penultimate", "output"]),
    (["*.second", "block1.*"], ["block1.second", "block2.second", "block1.first", "block1.relu:0", "block1.relu:1"]),
    ("all", ["block1.first", "block1.relu:0", "block1.second", "block1", "block2.first", "block2.relu:0", "block2.second"]),
]


@pytest.fixture
def blocks():
    second = Block()
    second.first = nn.Linear(6, 6)
    return nn.Sequential(OrderedDict(block1=Block(), block2=second, identity=nn.Identity(), head=nn.Linear(6, 2)))


@pytest.mark.parametrize(("patterns", "expected"), PATTERNS)
def test_patterns_stand_for_layers_that_can_be_read_in_the_order_of_the_forward_pass(blocks, images, patterns, expected):
    found = expand(blocks, patterns, images)
    assert found == ([*expected, "identity", "head"] if patterns == "all" else expected), "a tensor handed on is named once"
    for layer in found:
        if layer != "block1.relu":
            represent(blocks, images, layer=layer)


@pytest.mark.parametrize("pattern", ["block3.*", "*.relu:2", "**.unused", "*.*.*"])
def test_a_pattern_of_no_layer_is_refused(blocks, images, pattern):
    with pytest.raises(LayerError, match="No layer that can be read matches"):
        expand(blocks, ["head", pattern], images)
    with pytest.raises(LayerError, match=r"no layer 'block3'\. Did you mean 'block"):
        expand(blocks, "block3", images)


def test_a_model_is_described_layer_by_layer(generator):
    photos = torch.rand(2, 3, 16, 16, generator=generator)
    convolution = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    model = nn.Sequential(
        OrderedDict(body=convolution, pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), head=nn.Linear(5, 2), split=Splitting())
    ).train()
    facts = {each.name: each for each in describe(model, photos)}
    assert list(facts) == ["body.0", "body.1", "body.2", "body", "pool", "flat", "head", "split", "output", "penultimate"]
    assert model.training
    body, pool, split, last = (facts[name] for name in ("body", "pool", "split", "penultimate"))
    assert (body.module, body.shape, body.calls, body.channels, body.depth) == ("Sequential", (5, 12, 12), 1, "first", 2 / 3)
    assert (split.shape, split.choices) == (None, ("[0]", "[1]"))
    assert (last.module, last.shape, last.depth) == ("input of head", (5,), 2 / 3)
    assert [each.name for each in facts.values() if each.is_penultimate] == ["pool", "flat", "penultimate"]
    assert pool.channels == "first"


class Splitting(nn.Module):
    """Gives two tensors."""

    def forward(self, x):
        return x, 2 * x


@pytest.mark.parametrize("layer", ["relu:0", "output", "first"])
def test_inversion_and_scores_read_what_representations_read(images, layer):
    """Same as in a model that ends there."""

    def wrap(hidden, more):
        return {"hidden": hidden, "more": more} if layer == "output" else hidden

    torch.manual_seed(0)
    block, ending = Block(wrap), None
    parts = nn.Sequential(nn.Flatten(), block.first, nn.ReLU(), block.second, nn.ReLU())
    ending = {"relu:0": parts[:3], "output": parts, "first": parts[:2]}[layer]
    select = "hidden" if layer == "output" else None
    kept = {"random_seed": 0, "max_iterations": 3, "tolerance": 0.001}
    with pytest.warns(stir.errors.ConvergenceWarning):
        found = stir.invert(block, images, layer=layer, select=select, **kept)
    with pytest.warns(stir.errors.ConvergenceWarning):
        expected = stir.invert(ending, images, layer=str(len(ending) - 1), **kept)
    torch.testing.assert_close(found.iri_images, expected.iri_images)
    with pytest.warns(stir.errors.ConvergenceWarning):
        scored = stir.shared_invariance(
            reference_model=block, target_model=block, images=images, layer=layer, select=select, **kept
        )
    assert torch.equal(scored.iri_images, found.iri_images)


def test_a_pooling_of_ones_own_is_inverted_and_scored_with(block, images):
    def halves(activations):
        return activations.unflatten(1, (2, 3)).mean(dim=2)

    spec = LayerSpec("first", pooling=halves)
    with pytest.warns(stir.errors.ConvergenceWarning):
        result = stir.shared_invariance(
            reference_model=block, target_model=block, images=images, layer=spec, max_iterations=2, tolerance=1e-6
        )
    x, y = (represent(block, each, layer=spec) for each in (images, result.iri_images))
    assert x.shape == (12, 2)
    torch.testing.assert_close((y - x).norm(dim=1) / x.norm(dim=1), result.inversion_error, rtol=1e-3, atol=1e-5)
