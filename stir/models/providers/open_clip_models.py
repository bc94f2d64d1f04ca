"""The visual tower of models of OpenCLIP."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import Built, Provider, Request
from stir.models.providers.weights import HUB, cached_first, check_weights, fetching, hub_cache, refuse_reserved

VISUAL = "visual."
COLOURS = 3
RESERVED = ("pretrained", "load_weights", "device", "cache_dir", "jit", "precision", "weights_only")


@cache
def names() -> tuple[str, ...]:
    """Return the names of OpenCLIP's models."""
    import open_clip

    return tuple(open_clip.list_models())


def visual_weights(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the visual tower out of those of the whole model; or all, where there are no others."""
    visual = {name.removeprefix(VISUAL): value for name, value in published.items() if name.startswith(VISUAL)}
    return visual or published


@contextmanager
def _silence() -> Iterator[None]:
    """Keep its warning that nothing was loaded, which is meant, from the root logger."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def build(request: Request) -> Built:
    """Build a model, and keep its visual tower, which gives the embedding of an image."""
    import open_clip

    check_known("model of open_clip", request.name, names())
    refuse_reserved(request, RESERVED)
    check_weights(request, "open_clip", open_clip.list_pretrained_tags_by_model(request.name), default=False)
    if request.classes is not None or request.channels != COLOURS:
        raise InvalidInputError(
            f"Expected no classes and {COLOURS} channels for open_clip's {request.name}, which gives an embedding of colour "
            f"images; got classes={request.classes}, channels={request.channels}. Leave them out."
        )
    loading = request.weights is not None and request.load

    def created() -> Any:
        # Under the mode that places tensors, the device is that of any new one.
        device = torch.empty(0).device.type
        with _silence():
            return open_clip.create_model(
                request.name, pretrained=request.weights if loading else None, device=device, **request.arguments
            )

    stated = open_clip.get_pretrained_cfg(request.name, request.weights) if request.weights else {}
    if loading:
        repository = stated.get("hf_hub", "").rstrip("/")
        what = f"the weights {request.weights} of open_clip's {request.name}"
        with fetching(what, f"{HUB}/{repository}" if repository else stated.get("url", HUB), hub_cache(repository)):
            model = cached_first(created)
    else:
        model = created()
    size = model.visual.image_size
    return Built(
        model.visual,
        tuple(stated.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        tuple(stated.get("std") or open_clip.OPENAI_DATASET_STD),
        (size, size) if isinstance(size, int) else tuple(size),
        own_weights=visual_weights,
    )


PROVIDER = Provider("open_clip", ("open-clip-torch", "timm"), build, extra="open_clip", names=names)
