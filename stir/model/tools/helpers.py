"""Normalisation under its published name, for scripts written for ``stir-invariance``; see `stir.STIR`."""

from jaxtyping import Float
from torch import Tensor

from stir.models.normalise import Normalise


class InputNormalize(Normalise):
    """Subtract a mean from images in [0, 1] and divide by a standard deviation, per channel.

    Parameters
    ----------
    new_mean, new_std : Float[Tensor, "c"]
        Mean and standard deviation of pixels in [0, 1].
    """

    def __init__(self, new_mean: Float[Tensor, " c"], new_std: Float[Tensor, " c"]) -> None:
        super().__init__(mean=new_mean.tolist(), std=new_std.tolist())
