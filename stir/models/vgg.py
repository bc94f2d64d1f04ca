"""Plain networks for small images: stages of 3x3 convolutions with BatchNorm, max-pooled between."""

from collections import OrderedDict

from torch import nn

from stir.models.normalise import Normalise


def vgg(convolutions: tuple[int, ...], *, width: int, channels: int, classes: int) -> nn.Sequential:
    """Build a VGG-like network without shortcuts (Simonyan and Zisserman 2015, with BatchNorm).

    Parameters
    ----------
    convolutions : tuple of int
        Convolutions in each stage; every stage but the last ends in 2x2 max pooling.
    width : int
        Channels of the first stage; doubled from stage to stage, to at most 8 times.
    channels, classes : int
        Of the images and of the classifier.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["normalise"] = Normalise(channels)
    before = channels
    for stage, count in enumerate(convolutions):
        after = width * min(2**stage, 8)
        parts: list[nn.Module] = []
        for i in range(count):
            parts += [nn.Conv2d(before if i == 0 else after, after, 3, 1, 1), nn.BatchNorm2d(after), nn.ReLU()]
        if stage < len(convolutions) - 1:
            parts.append(nn.MaxPool2d(2))
        layers[f"stage{stage + 1}"] = nn.Sequential(*parts)
        before = after
    layers["pooling"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    layers["classifier"] = nn.Linear(before, classes)
    return nn.Sequential(layers)
