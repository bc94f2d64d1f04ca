"""What is known of an architecture without weights: its layers, and the images that it takes."""

from dataclasses import replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import InvalidInputError
from stir.models.architecture import STIR, TORCHVISION, Architecture
from stir.models.depths import Depths, follow
from stir.models.preprocessed import NETWORK
from stir.models.registry import build_model, build_on, check_architecture

MOST_PIXELS = 2**20
"""Of an image that a network of width 1 is tried on; larger ones are tried without values."""
USUAL_SIDE = 224
"""Of images for a network that states no size."""
USUAL_SIZES = (8, 16, 32, 64, 75, 96, 128, 224, 256, 299)


def build_shape(architecture: Architecture, *, of_full_width: bool = False) -> nn.Sequential:
    """Build a network to learn names and shapes from, in eval mode: of width 1, or without values where it has no width.

    Tensors without values (on the device ``"meta"``) cost nothing however large they are, but torch imports
    for two seconds before the first forward pass with them. A network that does not run without values is built as it is.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    of_full_width : bool
        Whether the width is the architecture's, without values, for the sizes of its layers.

    Raises
    ------
    InvalidInputError
        As in `build_model`.
    """
    check_architecture(architecture)
    if architecture.width is not None and not of_full_width:
        return build_model(replace(architecture, width=1)).eval()
    if _runs_without_values(architecture):
        return _without_values(architecture)
    return build_model(architecture, load=False).eval()


def _without_values(architecture: Architecture) -> nn.Sequential:
    return build_on("meta", architecture).to("meta").eval()


@lru_cache
@torch.no_grad()
def _runs_without_values(architecture: Architecture) -> bool:
    """Return whether a network can be built and run without values; some of other libraries look at values on their way."""
    if architecture.address.prefix in (STIR, TORCHVISION):
        return True
    try:
        model = _without_values(architecture)
        size = getattr(model, "size", None) or (USUAL_SIDE, USUAL_SIDE)
        model(empty_images(model, architecture.channels, *size))
    except Exception:  # each library has its own way of failing; with values it says why, if it fails then, too
        return False
    return True


def empty_images(model: nn.Module, channels: int, height: int, width: int) -> Float[Tensor, "n c h w"]:
    """Return images for a network of `build_shape`."""
    return torch.zeros(2, channels, height, width, dtype=torch.float32, device=_device_of(model))


def _device_of(model: nn.Module) -> torch.device:
    return next((value.device for value in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def layer_names(architecture: Architecture) -> list[str]:
    """Return the dotted names of an architecture's layers.

    Examples
    --------
    >>> from stir.models import Architecture, layer_names
    >>> layer_names(Architecture("resnet8", 8, 1, 10))[:4]
    ['normalise', 'stem', 'stem.0', 'stem.1']
    """
    return [name for name, _ in build_shape(architecture).named_modules() if name]


def architecture_depths(architecture: Architecture) -> Depths:
    """Find how deep an architecture's layers lie, with images of a size that it takes.

    Raises
    ------
    InvalidInputError
        As in `build_model`.

    Examples
    --------
    >>> from stir.models import Architecture, architecture_depths
    >>> depths = architecture_depths(Architecture("resnet8", 8, 1, 10))
    >>> depths.of_layer["stage2"]
    0.625
    """
    model = build_shape(architecture)
    size = 32 if architecture.width is not None else USUAL_SIDE
    return follow(model, empty_images(model, architecture.channels, size, size), wholes=("", NETWORK.removesuffix(".")))


def check_takes(architecture: Architecture, height: int, width: int) -> None:
    """Refuse images of a size that nothing is left of before a network's last layer, or that it is not made for.

    Parameters
    ----------
    architecture : Architecture
        With the channels of the images.
    height, width : int
        Of the images, in pixels.

    Raises
    ------
    InvalidInputError
        Naming the architecture, the size, the reason, and a size that it takes; or as in `build_model`.

    Examples
    --------
    >>> from stir.models import Architecture, check_takes
    >>> check_takes(Architecture("vgg11", width=8, classes=10), 32, 32)
    >>> check_takes(Architecture("vgg11", width=8, classes=10), 8, 8)
    Traceback (most recent call last):
        ...
    stir.errors.InvalidInputError: Expected images that architecture 'vgg11' takes (it takes 16 x 16, for instance); ...
    """
    model = build_shape(architecture, of_full_width=architecture.channels * height * width > MOST_PIXELS)
    reason = _why_not(model, architecture.channels, height, width)
    if reason is None:
        return
    taken = next((size for size in USUAL_SIZES if _why_not(model, architecture.channels, size, size) is None), None)
    larger = "" if taken is None else f"it takes {taken} x {taken}, for instance"
    raise InvalidInputError(
        f"Expected images that architecture {architecture.name!r} takes ({larger or 'of another size'}); "
        f"got {architecture.channels} channels of {height} x {width} ({reason}). Choose another architecture or other images."
    )


@torch.no_grad()
def _why_not(model: nn.Module, channels: int, height: int, width: int) -> str | None:
    try:
        model(empty_images(model, channels, height, width))
    except Exception as error:  # each architecture has its own way of failing
        return str(error).split("\n")[0][:200].rstrip(".")
    return None
