"""Model, layer, images -> representation (n, d); the forward pass stops at the layer."""

from stir.representations.alike import check_alike
from stir.representations.reading import rows
from stir.representations.representing import Representing, representing, representing_layers, settle_pooling
from stir.representations.sets import represent_sets
from stir.representations.whole import FEW, represent, represent_layers

__all__ = [
    "FEW",
    "Representing",
    "check_alike",
    "represent",
    "represent_layers",
    "represent_sets",
    "representing",
    "representing_layers",
    "rows",
    "settle_pooling",
]
