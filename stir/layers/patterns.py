"""Layers by patterns: ``layer*.1``, ``blocks.[0-3]``, ``**.relu``, or all."""

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import LayerError, near_matches
from stir.layers.calls import Call, calls_of, trial
from stir.layers.layer import OUTPUT, PENULTIMATE
from stir.layers.naming import CALL, NETWORK, known_name, short_names, split_name
from stir.layers.selecting import settled_select
from stir.names import shortened

ALL = "all"
ANY_DEPTH = "**"
SIGNS = frozenset("*?[")


def expand(model: nn.Module, patterns: str | Sequence[str], images: Float[Tensor, "k ..."]) -> list[str]:
    """Return the names of the layers that patterns stand for, in the order in which a forward pass ends them.

    Parameters
    ----------
    model : torch.nn.Module
        Any model.
    patterns : str or sequence of str
        Names, which stay as they are, or patterns of them: ``*``, ``?`` and ``[...]`` within a part of a dotted name,
        ``**`` for any number of parts, ``:CALL`` for a call; or ``"all"``. Layers that cannot be read without a selector
        are left out, and of layers that hand on one and the same tensor all but the outermost.
    images : Float[Tensor, "k ..."]
        One or two that the model takes.

    Raises
    ------
    LayerError
        If there is no such layer, or a pattern matches none.

    Examples
    --------
    >>> import torch
    >>> from stir.layers import expand
    >>> from stir.models import Architecture, build_model
    >>> model = build_model(Architecture("resnet8", 8, 1, 10)).eval()
    >>> expand(model, "stage*", torch.rand(2, 1, 8, 8))
    ['stage1', 'stage2', 'stage3']
    """
    with trial(model, images) as two:
        modules = {name: module for name, module in model.named_modules() if name}
        calls, _ = calls_of(model, modules, two)
        readable = _readable(calls, short_names(modules), len(two))
    found: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        found += _matched(pattern, modules, readable)
    return list(dict.fromkeys(found))


def _readable(calls: list[Call], names: dict[str, str], n: int) -> dict[str, object]:
    """Return the names of layers that can be read, with the number of the call where there are several, and their identity."""
    times, numbers = Counter(call.name for call in calls), Counter[str]()
    readable: dict[str, object] = {}
    for call in calls:
        name, number = names[call.name], numbers[call.name]
        numbers[call.name] += 1
        try:
            settled_select(call.output, None, name, n)
        except LayerError:
            continue
        readable[name if times[call.name] == 1 else f"{name}:{number}"] = call.identity
    return readable


def _matched(pattern: str, modules: dict[str, nn.Module], readable: dict[str, object]) -> list[str]:
    plain = not isinstance(pattern, str) or not (pattern == ALL or SIGNS & set(pattern))
    if plain or known_name(modules, pattern) is not None:
        if pattern not in (PENULTIMATE, OUTPUT):
            split_name(modules, pattern)
        return [pattern]
    wanted, call = (match[1], match[2]) if (match := CALL.fullmatch(pattern)) else (pattern, None)
    parts = (ANY_DEPTH if pattern == ALL else wanted.removeprefix(NETWORK)).split(".")
    found: dict[object, str] = {}
    for name, identity in readable.items():
        base, _, number = name.partition(":")
        if _fits(base.removeprefix(NETWORK).split("."), parts) and call in (None, number or "0"):
            found[identity] = name  # the outermost ends last
    if not found:
        raise LayerError(f"No layer that can be read matches {shortened(pattern)}. {near_matches(pattern, readable)}")
    return list(found.values())


def _fits(parts: list[str], pattern: list[str]) -> bool:
    """Return whether the parts of a name match those of a pattern."""
    if not pattern or not parts:
        return not parts and all(part == ANY_DEPTH for part in pattern)
    if pattern[0] == ANY_DEPTH:
        return _fits(parts[1:], pattern) or _fits(parts, pattern[1:])
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
