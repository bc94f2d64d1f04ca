"""What classifiers give: the scores per class, in whatever they stand."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor


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
