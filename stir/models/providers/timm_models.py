"""Models of timm, normalised and resized as their `pretrained_cfg` says."""

from functools import cache
from typing import Any

from stir.errors import check_known
from stir.models.providers.provider import DEFAULT_WEIGHTS, Built, Provider, Request
from stir.models.providers.weights import (
    HUB,
    cached_first,
    check_classes,
    check_weights,
    fetching,
    hub_cache,
    refuse_reserved,
)

COLOURS = 3
RESERVED = ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "num_classes", "in_chans")
FROM_HUB = "hf-hub:"


@cache
def names() -> tuple[str, ...]:
    """Return the names of timm's models, then those with the tag of published weights."""
    import timm

    return (*timm.list_models(), *timm.list_pretrained())


def _tags(base: str) -> list[str]:
    import timm

    return [name.removeprefix(f"{base}.") for name in timm.list_pretrained(f"{base}.*")]


def build(request: Request) -> Built:
    """Build a model; an argument ``img_size`` is its input size, too."""
    import timm

    refuse_reserved(request, RESERVED)
    name = request.name
    if not name.startswith(FROM_HUB):
        check_known("model of timm", name, names())
        base, dot, tag = name.partition(".")
        check_weights(request, "timm", [tag] if dot else _tags(base), default=bool(dot or _tags(base)))
        name = name if dot or request.weights in (None, DEFAULT_WEIGHTS) else f"{base}.{request.weights}"
    own: dict[str, Any] = {} if request.classes is None else {"num_classes": request.classes}
    own |= {} if request.channels == COLOURS else {"in_chans": request.channels}
    loading = request.weights is not None and request.load

    def created() -> Any:
        return timm.create_model(name, pretrained=loading, **own, **request.arguments)

    if loading or name.startswith(FROM_HUB):
        repository = name.removeprefix(FROM_HUB) if name.startswith(FROM_HUB) else f"timm/{name}"
        with fetching(f"the weights of timm's {name}", f"{HUB}/{repository}", hub_cache(repository)):
            network = cached_first(created)
    else:
        network = created()
    stated = network.pretrained_cfg
    check_classes(request, stated.get("num_classes"))
    return Built(network, tuple(stated["mean"]), tuple(stated["std"]), _size(request, stated))


def _size(request: Request, stated: dict[str, Any]) -> tuple[int, int]:
    size = request.arguments.get("img_size", stated["input_size"][1:])
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


PROVIDER = Provider("timm", ("timm",), build, extra="timm", names=names)
