"""Call what builds a network, with arguments by name."""

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from stir.errors import InvalidInputError, near_matches
from stir.models.providers.failures import reporting
from stir.models.providers.provider import DEFAULT_WEIGHTS, Built, Request

CLASSES = ("num_classes", "classes", "n_classes")
CHANNELS = ("in_chans", "in_channels", "channels")
COLOURS = 3


def callable_of(module: object, name: str, where: str) -> Callable[..., Any]:
    """Return a callable by its name in a module, which may have dots for classes within classes.

    Raises
    ------
    InvalidInputError
        With near matches, or that it is not callable.
    """
    found: object = module
    for part in name.split("."):
        known = [other for other in dir(found) if not other.startswith("_") and callable(getattr(found, other, None))]
        # A module within the module is one that it imports: through numpy every file that uses it has numpy.save.
        through_module = found is not module and isinstance(found, ModuleType)
        if through_module or not part.isidentifier() or not hasattr(found, part):
            raise InvalidInputError(f"Expected {name!r} in {where}; it has no {part!r}. {near_matches(part, known)}")
        found = getattr(found, part)
    if not callable(found):
        raise InvalidInputError(f"Expected {name!r} in {where} as a function or class; got {type(found).__name__}. Name another.")
    return found


def call(make: Callable[..., Any], request: Request, near: Path | None = None) -> Built:
    """Call what builds a network.

    It gets the arguments by name, the number of classes if it has a parameter called so, and the number of channels if that
    is not 3.

    Raises
    ------
    InvalidInputError
        If it does not take the arguments, raises, or gives no `torch.nn.Module`.
    """
    if request.weights not in (None, DEFAULT_WEIGHTS):
        raise InvalidInputError(
            f"Expected no weights by name for {request.name!r}; got {request.weights!r}. Give a checkpoint, or weights: "
            f"{DEFAULT_WEIGHTS} if it loads them itself."
        )
    keywords = _keywords(make, request)
    with reporting(f"The model {request.name!r}", near):
        network = make(**keywords)
    if isinstance(network, Built):
        return network
    if not isinstance(network, nn.Module):
        raise InvalidInputError(
            f"Expected {request.name!r} to give a torch.nn.Module; got {type(network).__name__}. Name what builds the network."
        )
    return Built(network)


def _keywords(make: Callable[..., Any], request: Request) -> dict[str, Any]:
    keywords = dict(request.arguments)
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):  # written in C: it has none
        return keywords
    facts = {CLASSES: request.classes, CHANNELS: None if request.channels == COLOURS else request.channels}
    for names, value in facts.items():
        taken = next((name for name in names if name in signature.parameters), None)
        if taken is not None and value is not None:
            keywords.setdefault(taken, value)
    try:
        signature.bind(**keywords)
    except TypeError as error:
        raise InvalidInputError(
            f"Expected arguments that {request.name!r} takes, {signature}; got {', '.join(keywords) or 'none'} ({error}). "
            "Correct the arguments."
        ) from error
    return keywords
