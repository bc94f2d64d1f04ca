"""What a library that builds models is asked for, and what it gives."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stir.errors import InvalidInputError

DEFAULT_WEIGHTS = "default"
"""The weights that the provider's library takes where it is told no name."""


@dataclass(frozen=True)
class Request:
    """Which network to build."""

    name: str
    """As the library calls it."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: int | None = None
    """Outputs of the classifier; None for the network's own."""
    weights: str | None = None
    """Published weights, by the library's name for them, or `DEFAULT_WEIGHTS`; None for initial weights."""
    channels: int = 3
    width: int | None = None
    """Of this library's own networks."""
    folder: Path | None = None
    """What the path of a Python file is relative to."""
    load: bool = True
    """Whether published weights are loaded; without, only what is stated with them (their normalisation and size) counts."""


@dataclass(frozen=True)
class Built:
    """A network, and the preprocessing that its metadata state."""

    network: nn.Module
    mean: tuple[float, ...] | None = None
    """Of pixels in [0, 1], per channel; None where nothing is stated."""
    std: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None
    """Height and width of the images that it was made for; None where nothing is stated."""
    normalises_itself: bool = False
    """Whether the network's forward pass takes pixels in [0, 1]."""
    own_weights: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    """Weights by the network's own names, from a published file's, without those that the network lacks on purpose."""


def _no_names() -> Collection[str]:
    return ()


@dataclass(frozen=True)
class Provider:
    """A library that builds models by name."""

    prefix: str
    """What addresses begin with, before the colon."""
    distributions: tuple[str, ...]
    """Their versions identify the code of its models."""
    build: Callable[[Request], Built]
    """It imports the library."""
    extra: str | None = None
    """Of this package: ``pip install 'stir-workflow[EXTRA]'``."""
    names: Callable[[], Collection[str]] = _no_names
    """Empty if they cannot be listed."""


def refuse_arguments(request: Request, kind: str) -> None:
    """Refuse arguments where the network takes none.

    Raises
    ------
    InvalidInputError
        Naming them.
    """
    if request.arguments:
        raise InvalidInputError(
            f"Expected no arguments for {kind} {request.name!r}; got {', '.join(map(repr, request.arguments))}. Leave them out."
        )
