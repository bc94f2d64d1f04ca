"""Depth is the longest way from the image; a block is what every way passes through."""

import torch
from torch import nn

from stir.models.depths import follow


class Block(nn.Module):
    """A residual of two convolutions beside a shortcut, all ReLUs one module."""

    def __init__(self, shortcut):
        super().__init__()
        self.first, self.second, self.shortcut = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1), shortcut
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        around = self.shortcut(x)
        return self.relu(self.second(self.relu(self.first(x))) + around)


def _followed(*parts):
    model = nn.Sequential(*parts, nn.Flatten(), nn.Linear(2, 3)).eval()
    return follow(model, torch.rand(1, 2, 1, 1))


def test_depth_counts_convolutions_and_linear_layers_in_a_chain():
    found = _followed(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 1), nn.MaxPool2d(1))
    assert list(found.of_layer.items()) == [
        *(("0", 1 / 3), ("1", 1 / 3), ("2", 1 / 3)),
        *(("3", 2 / 3), ("4", 2 / 3), ("5", 2 / 3), ("6", 1.0)),
    ]
    assert found.of_penultimate == 2 / 3
    assert found.blocks == ("2", "5", "6")


def test_the_longest_way_counts_and_a_shortcut_leads_around():
    for shortcut, depth in ((nn.Identity(), 1), (nn.Conv2d(2, 2, 1), 2), (nn.Sequential(nn.Conv2d(2, 2, 1)), 2)):
        found = _followed(nn.Conv2d(2, 2, 1), Block(shortcut))
        assert found.of_layer["1"] == 3 / 4
        assert found.of_layer["1.shortcut"] == depth / 4
        assert found.of_layer["1.first"] == 2 / 4
        assert found.blocks == ("0", "2", "3")
        assert "1.relu" not in found.of_layer, "it is called twice"


def test_a_long_way_beside_a_short_one():
    found = _followed(Block(nn.Sequential(*[nn.Conv2d(2, 2, 1) for _ in range(4)])))
    assert (found.of_layer["0"], found.of_layer["0.second"]) == (4 / 5, 2 / 5)


def test_what_comes_of_the_image_alone_counts():
    class WithToken(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.embed = nn.Parameter(torch.rand(1, 2, 1, 1)), nn.Conv2d(2, 2, 1)

        def forward(self, x):
            return x + self.embed(self.token)

    found = _followed(WithToken())
    assert found.of_layer == {"0": 0.0, "1": 0.0, "2": 1.0}


def test_attention_counts_its_projections():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(2, 1, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)
            return self.attention(tokens, tokens, tokens, need_weights=False)[0]

    for device in ("cpu", "meta"):
        model = nn.Sequential(Attention(), nn.Flatten(), nn.Linear(2, 3)).to(device).eval()
        found = follow(model, torch.zeros(1, 2, 1, 1, device=device))
        assert found.of_layer == {"0": 2 / 3, "1": 2 / 3, "2": 1.0}, device


def test_without_a_linear_layer_there_is_no_penultimate_one():
    assert follow(nn.Sequential(nn.Conv2d(2, 2, 1)), torch.rand(1, 2, 1, 1)).of_penultimate is None


def test_the_model_is_left_as_it_was(small_net, left_as_found):
    small_net.eval()
    with left_as_found(small_net):
        follow(small_net, torch.rand(2, 1, 8, 8))
