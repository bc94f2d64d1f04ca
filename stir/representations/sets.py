"""Represent several sets of images at one layer, with the classes that the model predicts for some of them."""

from collections.abc import Collection, Iterable
from functools import partial
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.checks import check_batch_size, check_images
from stir.layers import LayerSpec
from stir.models.frozen import lend
from stir.models.outputs import predicted_classes
from stir.models.usable import check_model
from stir.representations.alike import check_alike, check_predictions_alike
from stir.representations.representing import representing
from stir.representations.whole import FEW


def represent_sets(
    model: nn.Module,
    sets: Iterable[tuple[str, Float[Tensor, "n ..."]]],
    *,
    layer: str | LayerSpec | None = None,
    batch_size: int = 256,
    classes_of: Collection[str] = (),
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the representations of several sets of images, each as `represent` would, in the batches that it would make.

    The layer is looked for once, and whether the model is deterministic is checked once.

    Parameters
    ----------
    model : torch.nn.Module
        As in `represent`.
    sets : iterable of tuple
        Names and images; one set is asked for at a time.
    layer : str or LayerSpec, optional
        As in `represent`.
    batch_size : int
        Images in one forward pass.
    classes_of : collection of str
        Sets of which the predicted classes are returned, too.

    Returns
    -------
    tuple of dict
        Name -> representations (n, d); and name -> predicted classes (n,), as `stir.models.outputs.predicted_classes` gives them.

    Raises
    ------
    NondeterministicModelError
        If the model represents the same images differently the second time, or gives other logits where classes are asked for.

    Examples
    --------
    >>> import torch
    >>> from stir.representations import represent_sets
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    >>> images = torch.rand(5, 1, 8, 8)
    >>> representations, classes = represent_sets(model, [("images", images), ("darker", images / 2)], classes_of=["images"])
    >>> representations["darker"].shape, classes["images"].shape
    (torch.Size([5, 144]), torch.Size([5]))
    """
    check_model(model)
    check_batch_size(batch_size)
    return lend(model, partial(_represented, model, sets, layer, batch_size, classes_of))


@torch.no_grad()
def _represented(
    model: nn.Module,
    sets: Iterable[tuple[str, Tensor]],
    layer: str | LayerSpec | None,
    batch_size: int,
    classes_of: Collection[str],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    every = iter(sets)
    of_first, first = next(every)
    check_images(first, of_first)
    representations, classes = {}, {}
    with representing(model, layer, first[:2]) as represent_batch:
        few = first[: min(FEW, batch_size)]
        check_alike(represent_batch, few)
        if classes_of:
            check_predictions_alike(lambda batch: represent_batch.with_output(batch)[1], few)
        for name, images in chain([(of_first, first)], every):
            check_images(images, name)
            batches = images.split(batch_size)
            if name in classes_of:
                pairs = [represent_batch.with_output(batch) for batch in batches]
                parts = [representation for representation, _ in pairs]
                predicted = [predicted_classes(output, len(batch)) for (_, output), batch in zip(pairs, batches, strict=True)]
                classes[name] = torch.cat(predicted).to(images.device)
            else:
                parts = [represent_batch(batch) for batch in batches]
            representations[name] = torch.cat([part.to(images.device) for part in parts])
    return representations, classes
