"""Layers of an experiment: one name in every architecture, or a label with a name in each; no heavy imports."""

from collections.abc import Mapping
from typing import Any

from stir.errors import LayerError, near_matches

NamedLayer = str | Mapping[str, Any]
"""A dotted name, or ``{"label": ..., "by_architecture": {architecture: dotted name}}``."""


def layer_label(layer: NamedLayer) -> str:
    """Return what tables and figures call a layer: its label, else its name."""
    return layer if isinstance(layer, str) else layer["label"]


def layer_in(layer: NamedLayer, architecture: str) -> str:
    """Return the dotted name of a layer in an architecture.

    Raises
    ------
    LayerError
        If the layer is named by architecture, and not in this one.
    """
    if isinstance(layer, str):
        return layer
    names = layer["by_architecture"]
    if architecture not in names:
        raise LayerError(
            f"Expected layer {layer['label']!r} to be named in every architecture that is compared; "
            f"it has no name in {architecture!r}. {near_matches(architecture, names)} Add it to by_architecture."
        )
    return names[architecture]
