"""A network behind its own preprocessing: images in [0, 1] of any size go in."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor, fx, nn

from stir.errors import InvalidInputError
from stir.models.normalise import Normalise

NETWORK = "network."


@fx.wrap
def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images; a trace of the forward pass calls this, since what it does depends on their size."""
    if tuple(images.shape[-2:]) == size:
        return images
    return nn.functional.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


class Resize(nn.Module):
    """Resize images bilinearly, with antialiasing, so that a gradient reaches every pixel; images of that size pass unchanged.

    Parameters
    ----------
    height, width : int
        Of the images that it gives.

    Examples
    --------
    >>> import torch
    >>> from stir.models import Resize
    >>> Resize(16, 16)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 3, 16, 16])
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        if min(height, width) < 1:
            raise InvalidInputError(f"Expected a size of at least 1 x 1 pixels; got {height} x {width}.")
        self.size = (int(height), int(width))

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
        """Resize a batch."""
        return _resized(images, self.size)

    def extra_repr(self) -> str:
        """Return what ``print`` says."""
        return f"{self.size[0]}, {self.size[1]}"


def network_name(model: nn.Module) -> str:
    """Return what messages call a model: the class of its network, without preprocessing."""
    return type(model.network if isinstance(model, Preprocessed) else model).__name__


class Preprocessed(nn.Sequential):
    """Resizing if there is any, normalisation, then the network as its library builds it: its layers are ``network.NAME``.

    Examples
    --------
    >>> import torch
    >>> from stir.models import Normalise, Preprocessed
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 5))
    >>> model = Preprocessed(network, Normalise(mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)), size=(16, 16))
    >>> model(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    normalise: Normalise
    network: nn.Module
    is_chosen = False
    """Whether mean and standard deviation were asked for by name or value."""

    def __init__(
        self,
        network: nn.Module,
        normalise: Normalise,
        *,
        size: tuple[int, int] | None = None,
        own_weights: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        resize = {} if size is None else {"resize": Resize(*size)}
        super().__init__(OrderedDict[str, nn.Module](**resize, normalise=normalise, network=network))
        self.own_weights = own_weights
        """Names as published -> as the network has them, without those that it lacks on purpose."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that images are resized to; None if they are not."""
        resize = self._modules.get("resize")
        return resize.size if isinstance(resize, Resize) else None
