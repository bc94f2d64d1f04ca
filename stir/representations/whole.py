"""Represent images at a layer of a model, or at several layers in one pass."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.checks import check_batch_size, check_images
from stir.errors import InvalidInputError
from stir.layers import LayerSpec, Select, layer_spec
from stir.models.frozen import lend
from stir.models.usable import check_model
from stir.poolings import Pooling
from stir.representations.alike import check_all_alike
from stir.representations.representing import representing_layers
from stir.stored_images import Images

FEW = 8
"""Images that are represented twice, to see whether they are represented alike."""


def represent(
    model: nn.Module,
    images: Images,
    *,
    layer: str | LayerSpec | None = None,
    select: Select = None,
    pooling: str | Pooling = "flatten",
    batch_size: int = 256,
) -> Float[Tensor, "n d"]:
    """Return the representation of images at a layer of a model.

    The forward pass runs in eval mode, without autocast, and stops at the layer. The model is left
    as found: mode, buffers, gradients, ``requires_grad`` and hooks. Threads that use one model take turns.

    Parameters
    ----------
    model : torch.nn.Module
        Any model; it contains its own normalisation.
    images : Float[Tensor, "n ..."] or StoredImages
        Images as the model takes them, mostly (n, channels, height, width) in [0, 1].
    layer : str or LayerSpec, optional
        Dotted name in ``named_modules()``, with ``:CALL`` where the module is called several times; its output is
        read. ``"output"`` is what the model gives. By default what its classifier takes (``"penultimate"``).
    select : str or int, optional
        Which tensor of what the layer gives, where that is several: a field, a key or an index.
    pooling : str or callable
        What to do with dimensions of space or tokens, by a name in `stir.poolings.POOLINGS`; or a function
        (n, ...) -> (n, d).
    batch_size : int
        Images in one forward pass.

    Returns
    -------
    Float[Tensor, "n d"]
        One row an image, on the device of ``images``.

    Raises
    ------
    InvalidInputError
        If the images cannot be represented.
    LayerError
        If the layer does not exist, is called more than once, or does not give one row for each image;
        if the model's output is not that of a linear layer and no layer is named; if it is not known
        which dimensions ``"spatial_mean"`` would be over.
    NondeterministicModelError
        If the model represents the same images differently the second time.

    Examples
    --------
    >>> import torch, stir
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> stir.represent(model, torch.rand(5, 4)).shape
    torch.Size([5, 3])
    """
    return represent_layers(model, images, [layer_spec(layer, select, pooling)], batch_size=batch_size)[0]


def represent_layers(
    model: nn.Module, images: Images, layers: Sequence[str | LayerSpec | None], *, batch_size: int = 256
) -> list[Float[Tensor, "n d"]]:
    """Return the representations of images at several layers, each as `represent` would, in one pass over the images.

    Parameters
    ----------
    model : torch.nn.Module
        As in `represent`.
    images : Float[Tensor, "n ..."] or StoredImages
        As in `represent`.
    layers : sequence of str, LayerSpec or None
        Names, or `LayerSpec` with selector and pooling.
    batch_size : int
        Images in one forward pass.

    Returns
    -------
    list of Float[Tensor, "n d"]
        In the order of ``layers``.

    Raises
    ------
    InvalidInputError
        As in `represent`, or if no layer is named.

    Examples
    --------
    >>> import torch
    >>> from stir.representations import represent_layers
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    >>> [tuple(each.shape) for each in represent_layers(model, torch.rand(5, 1, 8, 8), ["1", "output"])]
    [(5, 144), (5, 3)]
    """
    check_model(model)
    check_images(images)
    check_batch_size(batch_size)
    specs = [layer_spec(layer) for layer in layers]
    if not specs:
        raise InvalidInputError("Expected one layer or more; got none. Name them in layers=[...].")
    return lend(model, partial(_represented, model, images, specs, batch_size))


@torch.no_grad()
def _represented(model: nn.Module, images: Images, specs: list[LayerSpec], batch_size: int) -> list[Tensor]:
    with representing_layers(model, specs, images[:2]) as represent_batch:
        check_all_alike(represent_batch, images[: min(FEW, batch_size)])
        starts = range(0, len(images), batch_size)
        parts = [[each.to(images.device) for each in represent_batch(images[start : start + batch_size])] for start in starts]
    return [torch.cat(of_layer) for of_layer in zip(*parts, strict=True)]
