"""Normalisation under its published name, for scripts written for ``stir-invariance``; see `stir.STIR`."""

from jaxtyping import Float
from torch import Tensor, nn


class InputNormalize(nn.Module):
    """Subtract a mean from images in [0, 1] and divide by a standard deviation, per channel.

    Parameters
    ----------
    new_mean, new_std : Float[Tensor, "c"]
        Mean and standard deviation of pixels in [0, 1].
    """

    new_mean: Tensor
    new_std: Tensor

    def __init__(self, new_mean: Float[Tensor, " c"], new_std: Float[Tensor, " c"]) -> None:
        super().__init__()
        self.register_buffer("new_mean", new_mean[:, None, None])
        self.register_buffer("new_std", new_std[:, None, None])

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Normalise a batch."""
        return (x - self.new_mean) / self.new_std
