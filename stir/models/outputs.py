"""What classifiers give: the scores per class, in whatever they stand."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

NO_CLASS = -1
"""What stands for a class where a model predicts none."""


def logits_of(output: Any) -> Float[Tensor, "n classes"] | None:
    """Return the scores per class in a model's output: the output itself, its ``logits``, or the first of a tuple.

    Parameters
    ----------
    output : object
        What a model gave for a batch.

    Returns
    -------
    Float[Tensor, "n classes"] or None
        None where the output holds no scores per class.

    Examples
    --------
    >>> import torch
    >>> from stir.models import logits_of
    >>> logits_of((torch.zeros(2, 10), "features")).shape
    torch.Size([2, 10])
    """
    if isinstance(output, Mapping):
        output = output.get("logits")
    elif not isinstance(output, Tensor):
        output = getattr(output, "logits", output)
    if isinstance(output, tuple | list) and output:
        output = output[0]
    if isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point():
        return output
    return None


def predicted_classes(output: object, n: int) -> Int[Tensor, " n"]:
    """Return the largest logits' numbers, or -1 where the output is no matrix of logits, or has NaN."""
    if isinstance(output, Tensor) and n == 1 and output.ndim == 1:  # `squeeze` also removes the dimension of a single image
        output = output[None]
    if isinstance(output, Tensor) and output.ndim == 2 and len(output) == n and output.shape[1] > 1:
        return torch.where(output.isnan().any(dim=1), NO_CLASS, output.argmax(dim=1))
    return torch.full((n,), NO_CLASS, dtype=torch.long, device="cpu")
