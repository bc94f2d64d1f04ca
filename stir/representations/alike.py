"""Whether a model represents the same images alike each time."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from stir.errors import NondeterministicModelError
from stir.models.outputs import logits_of

LARGEST_DISAGREEMENT = 1e-5
"""Of two representations of the same images, relative; more is not rounding."""
LARGEST_MIXING = 1e-2
"""Of the representations of images alone and beside others: kernels for other batch sizes round otherwise."""


def check_alike(represent_batch: Callable[[Tensor], Tensor], images: Float[Tensor, "k ..."]) -> None:
    """Refuse a model that represents the same images differently the second time, beside others, or at another place.

    Raises
    ------
    NondeterministicModelError
        If two representations differ by more than rounding.
    """
    check_all_alike(lambda batch: [represent_batch(batch)], images)


def check_predictions_alike(output_of: Callable[[Tensor], Any], images: Float[Tensor, "k ..."]) -> None:
    """Refuse a model whose logits differ the second time, though a layer before them does not: its predictions are random.

    Raises
    ------
    NondeterministicModelError
        If they differ by more than rounding.
    """
    first, second = (logits_of(output_of(images)) for _ in range(2))
    if first is not None and second is not None and (apart := _farthest([first], [second])) > LARGEST_DISAGREEMENT:
        raise NondeterministicModelError(
            f"The model gave other logits for the same images the second time (relative difference {apart:.2g}), though it is in "
            "eval mode and the layer is deterministic. Look for dropout, noise or sampling behind the layer that does not ask "
            "`self.training`."
        )


@torch.no_grad()
def check_all_alike(represent_batch: Callable[[Tensor], list[Tensor]], images: Float[Tensor, "k ..."]) -> None:
    """Refuse as `check_alike` does, by the representations of several layers."""
    first, second = represent_batch(images), represent_batch(images)
    if (apart := _farthest(first, second)) > LARGEST_DISAGREEMENT:
        raise NondeterministicModelError(
            f"The model represented the same images differently the second time (relative difference {apart:.2g}), "
            "though it is in eval mode. Look for dropout, noise or sampling that does not ask `self.training`, "
            "or for state that every call changes."
        )
    if len(images) <= 2:
        return
    eps = max(torch.finfo(each.dtype).eps for each in first)
    if (apart := _farthest([each[1:3] for each in first], represent_batch(images[1:3]))) > max(LARGEST_MIXING, 16 * eps):
        raise NondeterministicModelError(
            f"The model represents an image differently beside other images (relative difference {apart:.2g}), though it is in "
            "eval mode, so results would depend on batch_size. Look for statistics over the batch, such as BatchNorm with "
            "track_running_stats=False, or noise for each place in the batch."
        )


def _farthest(first: list[Tensor], second: list[Tensor]) -> float:
    return max(_apart(*pair) for pair in zip(first, second, strict=True))


def _apart(first: Tensor, second: Tensor) -> float:
    first, second = first.double(), second.double()
    difference = (first - second).norm()
    # NaN and infinity, if they are the same, are another's to refuse.
    return 0.0 if torch.equal(first, second) or not difference.isfinite() else (difference / first.norm()).item()
