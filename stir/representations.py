"""Model, layer, images -> representation (n, d); the forward pass stops at the layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.checks import check_batch_size, check_images
from stir.dtypes import widened
from stir.errors import LayerError, NondeterministicModelError
from stir.layers import Layer, LayerSpec, Select, check_activations, layer_spec, resolve_layer, tensor_argument
from stir.models.frozen import Buffers, Spy, frozen, lend
from stir.models.usable import check_model, place_of, running_eagerly
from stir.poolings import Evidence, Pooling, check_pooling, get_pooling
from stir.stored_images import Images

FEW = 8
"""Images that are represented twice, to see whether they are represented alike."""
LARGEST_DISAGREEMENT = 1e-5
"""Of two representations of the same images, relative; more is not rounding."""
LARGEST_MIXING = 1e-2
"""Of the representations of images alone and beside others: kernels for other batch sizes round otherwise."""


class _LayerReached(Exception):
    """Carries a layer's activations out of the forward pass, which ends there."""

    def __init__(self, activations: Tensor) -> None:
        self.activations = activations


class Representing:
    """Images -> representation, with the model frozen meanwhile; differentiable in the images."""

    def __init__(self, model: nn.Module, layer: str, pooling: Pooling, place: Tensor) -> None:
        self._model, self._layer, self._pooling, self._place = model, layer, pooling, place
        self._buffers = Buffers(model)
        self._stops = True
        self._seen: Tensor | None = None

    def __call__(self, images: Float[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Return the representation; the forward pass stops at the layer."""
        return self._pooling(rows(self.activations, images, self._layer))

    def activations(self, images: Float[Tensor, "n ..."]) -> Tensor:
        """Return what the layer gives."""
        try:
            self._forward(images)
        except _LayerReached as reached:
            return reached.activations
        raise self._not_reached()

    @torch.no_grad()
    def with_output(self, images: Float[Tensor, "n ..."]) -> tuple[Float[Tensor, "n d"], Any]:
        """Return the representation and what the whole model gives."""
        output: Any = None

        def seen(images: Tensor) -> Tensor:
            nonlocal output
            self._stops, self._seen = False, None
            try:
                output = self._forward(images)
            finally:
                self._stops = True
            if self._seen is None:
                raise self._not_reached()
            return self._seen

        representation = self._pooling(rows(seen, images, self._layer))
        return representation, output[: len(images)] if isinstance(output, Tensor) and output.ndim == 2 else output

    def reach(self, activations: Tensor) -> None:
        """Be told the layer's activations by a hook."""
        if self._stops:
            raise _LayerReached(activations)
        # A copy: the rest of the forward pass may work in place.
        self._seen = activations.clone() if isinstance(activations, Tensor) else activations

    def _forward(self, images: Tensor) -> Any:
        # A copy: the model may work in place.
        copied = images.to(device=self._place.device, dtype=self._place.dtype, copy=True)
        try:
            return self._model(copied)
        finally:
            # A model that counts or averages over its calls would give each batch something else.
            self._buffers.restore()

    def _not_reached(self) -> LayerError:
        return LayerError(f"The forward pass no longer reaches layer {self._layer!r}: the model's path depends on its input.")


def rows(activations_of: Callable[[Tensor], Tensor], images: Float[Tensor, "n ..."], layer: str) -> Tensor:
    """Return a layer's activations with one row for each image.

    Parameters
    ----------
    activations_of : callable
        Images -> activations.
    images : Float[Tensor, "n ..."]
        What is represented.
    layer : str
        Its name, for the message.

    Raises
    ------
    LayerError
        If there are other rows, or none.
    """
    activations = activations_of(images)
    if len(images) == 1 and isinstance(activations, Tensor) and (activations.ndim < 2 or len(activations) != 1):
        # `squeeze` also removes the dimension of a single image.
        activations = activations_of(images.expand(2, *images.shape[1:]))
        check_activations(activations, layer, 2)
        return activations[:1]
    check_activations(activations, layer, len(images))
    return activations.dequantize() if activations.is_quantized else activations


@contextmanager
def representing(
    model: nn.Module,
    layer: str | LayerSpec | None,
    images: Float[Tensor, "k ..."],
    *,
    select: Select = None,
    pooling: str | Pooling = "flatten",
    wide: bool = False,
) -> Iterator[Representing]:
    """Give the function images -> representation, with the model frozen meanwhile.

    The model is in eval mode inside the block and as it was found after it.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.
    layer : str, LayerSpec or None
        As in `resolve_layer`; a `LayerSpec` carries the selector and the pooling.
    images : Float[Tensor, "k ..."]
        One or two images, to find the layer with.
    select : str or int, optional
        As in `resolve_layer`.
    pooling : str or callable
        ``"flatten"``, or ``"spatial_mean"`` over all but the first two dimensions.
    wide : bool
        Give representations of half precision in float32.
    """
    check_model(model)
    spec = layer_spec(layer, select, pooling)
    get_pooling(spec.pooling)
    place = place_of(model, images)
    two = images[:2].expand(2, *images.shape[1:]).to(device=place.device, dtype=place.dtype)
    with frozen(model), running_eagerly(model):
        buffers = Buffers(model)
        found = resolve_layer(model, spec, two)
        buffers.restore()
        pool = settle_pooling(model, found, two, spec.pooling)
        represent_batch = Representing(model, found.name, (lambda x: widened(pool(x))) if wide else pool, place)
        handle = _tell_at(dict(model.named_modules())[found.name], found.side, represent_batch)
        try:
            yield represent_batch
        finally:
            handle.remove()


@torch.no_grad()
def settle_pooling(model: nn.Module, found: Layer, images: Float[Tensor, "2 ..."], pooling: str | Pooling) -> Pooling:
    """Return the function that pools a layer's activations, with what it averages over settled for this layer.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    found : Layer
        Of the model.
    images : Float[Tensor, "2 ..."]
        To learn the layout of the activations with.
    pooling : str or callable
        A name, or a function (n, ...) -> (n, d).

    Raises
    ------
    LayerError
        If it is not known which dimensions the pooling would be over.
    """
    pool = get_pooling(pooling)
    if not isinstance(pooling, str) or pooling == "flatten":
        return pool
    reading = Representing(model, found.name, pool, place_of(model, images))
    handle = _tell_at(dict(model.named_modules())[found.name], found.side, reading)
    try:
        with Evidence() as evidence:
            activations = rows(reading.activations, images, found.name)
    finally:
        handle.remove()
    check_pooling(pooling, found.name, evidence, activations)
    return pool


@torch.no_grad()
def check_alike(represent_batch: Callable[[Tensor], Tensor], images: Float[Tensor, "k ..."]) -> None:
    """Refuse a model that represents the same images differently the second time, beside others, or at another place.

    Raises
    ------
    NondeterministicModelError
        If two representations differ by more than rounding.
    """
    first, second = represent_batch(images), represent_batch(images)
    if (apart := _apart(first, second)) > LARGEST_DISAGREEMENT:
        raise NondeterministicModelError(
            f"The model represented the same images differently the second time (relative difference {apart:.2g}), "
            "though it is in eval mode. Look for dropout, noise or sampling that does not ask `self.training`, "
            "or for state that every call changes."
        )
    if len(images) <= 2:
        return
    eps = torch.finfo(first.dtype).eps
    if (apart := _apart(first[1:3], represent_batch(images[1:3]))) > max(LARGEST_MIXING, 16 * eps):
        raise NondeterministicModelError(
            f"The model represents an image differently beside other images (relative difference {apart:.2g}), though it is in "
            "eval mode, so results would depend on batch_size. Look for statistics over the batch, such as BatchNorm with "
            "track_running_stats=False, or noise for each place in the batch."
        )


def _apart(first: Tensor, second: Tensor) -> float:
    first, second = first.double(), second.double()
    difference = (first - second).norm()
    # NaN and infinity, if they are the same, are another's to refuse.
    return 0.0 if torch.equal(first, second) or not difference.isfinite() else (difference / first.norm()).item()


def _tell_at(module: nn.Module, side: str, represent_batch: Representing) -> Any:
    """Tell the layer's activations; nothing after it can overwrite them first."""

    def at_input(_module: nn.Module, inputs: tuple[Tensor, ...], keywords: dict[str, Tensor]) -> None:
        represent_batch.reach(tensor_argument(inputs, keywords))

    def at_output(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        represent_batch.reach(output)

    if side == "input":
        return module.register_forward_pre_hook(Spy(at_input), with_kwargs=True)
    return module.register_forward_hook(Spy(at_output))


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
    layer : str, optional
        Dotted name in ``named_modules()``; its output is read. By default the
        input of the linear layer that gives the model's output (the penultimate layer).
    select : str or int, optional
        Which tensor of what the layer gives, where that is several: a field, a key or an index.
    pooling : str
        What to do with spatial dimensions: ``"flatten"``, or ``"spatial_mean"`` of activations
        (n, features, ...), as convolutions give them.
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
    check_model(model)
    check_images(images)
    check_batch_size(batch_size)
    return lend(model, partial(_represented, model, images, layer_spec(layer, select, pooling), batch_size))


@torch.no_grad()
def _represented(model: nn.Module, images: Images, spec: LayerSpec, batch_size: int) -> Tensor:
    with representing(model, spec, images[:2]) as represent_batch:
        check_alike(represent_batch, images[: min(FEW, batch_size)])
        starts = range(0, len(images), batch_size)
        parts = [represent_batch(images[start : start + batch_size]).to(images.device) for start in starts]
    return torch.cat(parts)
