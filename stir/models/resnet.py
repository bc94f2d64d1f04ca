"""Residual networks for small images: a 3x3 stem without pooling, then stages of blocks."""

from collections import OrderedDict

from jaxtyping import Float
from torch import Tensor, nn

from stir.models.normalise import Normalise


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016)."""

    expansion = 1

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = _shortcut(channels_in, channels_out, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Add the residual to the shortcut."""
        residual = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(residual + self.shortcut(x))


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, the last of which gives 4 times the channels, beside a shortcut (He et al. 2016)."""

    expansion = 4

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        narrow = channels_out // self.expansion
        self.conv1 = nn.Conv2d(channels_in, narrow, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(narrow)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(narrow)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(narrow, channels_out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(channels_out)
        self.shortcut = _shortcut(channels_in, channels_out, stride)
        self.relu3 = nn.ReLU()

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c2 h2 w2"]:
        """Add the residual to the shortcut."""
        residual = self.relu2(self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x))))))
        return self.relu3(self.norm3(self.conv3(residual)) + self.shortcut(x))


def resnet(
    block: type[BasicBlock] | type[Bottleneck], blocks: tuple[int, ...], *, width: int, channels: int, classes: int
) -> nn.Sequential:
    """Build a residual network whose width doubles and resolution halves from stage to stage.

    Parameters
    ----------
    block : type
        `BasicBlock`, or `Bottleneck`.
    blocks : tuple of int
        Blocks in each stage.
    width : int
        Channels of the first stage's 3x3 convolutions.
    channels, classes : int
        Of the images and of the classifier.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["normalise"] = Normalise(channels)
    layers["stem"] = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    before = width
    for stage, count in enumerate(blocks):
        after = block.expansion * width * 2**stage
        strides = [1 if stage == 0 else 2] + [1] * (count - 1)
        parts = [block(before if i == 0 else after, after, stride) for i, stride in enumerate(strides)]
        layers[f"stage{stage + 1}"] = nn.Sequential(*parts)
        before = after
    layers["pooling"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    layers["classifier"] = nn.Linear(before, classes)
    return nn.Sequential(layers)
