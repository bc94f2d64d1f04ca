"""Pictures as rows of pixels: channels last in memory, so that convolutions take them as they are."""

from jaxtyping import Float
from torch import Tensor


def flat(images: Float[Tensor, "n ..."]) -> Float[Tensor, "n p"]:
    """Return one row a picture."""
    return (images.permute(0, 2, 3, 1) if images.ndim == 4 else images).flatten(1)


def pictures(rows: Float[Tensor, "n p"], shape: tuple[int, ...]) -> Float[Tensor, "n ..."]:
    """Return pictures of a shape (without n) from their rows."""
    if len(shape) != 3:
        return rows.reshape(-1, *shape)
    channels, height, width = shape
    return rows.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
