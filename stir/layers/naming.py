"""The names of layers: as ``named_modules()`` has them, without what wraps the network, and with the number of a call."""

import re
from collections.abc import Iterable

from stir.errors import LayerError, near_matches
from stir.names import shortened

COMPILED = "_orig_mod."
"""What torch.compile puts into names."""
NETWORK = "network."
"""What names begin with where preprocessing is part of the model."""
PREPROCESSING = ("resize", "normalise")
OTHERS = ("penultimate", "output")
"""Layers that are no modules, for messages."""
CALL = re.compile(r"(.+):(\d{1,9})", re.DOTALL)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return all names of a model's modules without what torch.compile and preprocessing put into them."""
    plain = {name: name.replace(COMPILED, "") for name in names}
    if not {name.partition(".")[0] for name in plain.values() if name} <= {*PREPROCESSING, NETWORK.removesuffix(".")}:
        return plain
    return {name: short.removeprefix(NETWORK) for name, short in plain.items()}


def known_name(names: Iterable[str], text: str) -> str | None:
    """Return the full name of a layer that may be named without what wraps the network; None if there is none."""
    full = {name.replace(COMPILED, ""): name for name in names if name}
    return text if text in full.values() else full.get(text, full.get(NETWORK + text))


def split_name(names: Iterable[str], layer: object) -> tuple[str, int | None]:
    """Return the full name of a layer, and the number of the call that is asked for.

    Raises
    ------
    LayerError
        If there is no such layer; with near matches.
    """
    names = list(names)
    if isinstance(layer, str):
        if (name := known_name(names, layer)) is not None:
            return name, None
        if (match := CALL.fullmatch(layer)) and (name := known_name(names, match[1])) is not None:
            return name, int(match[2])
    raise LayerError(f"The model has no layer {shortened(layer)}. {near_matches(str(layer), [*filter(None, names), *OTHERS])}")
