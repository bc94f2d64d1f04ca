"""Where in a model a representation is read: a call of a module, the model's output, or the penultimate layer."""

from stir.layers.activations import check_activations
from stir.layers.calls import tensor_argument
from stir.layers.depth import layers_at_depths, relative_depth
from stir.layers.describing import LayerFacts, describe
from stir.layers.layer import OUTPUT, PENULTIMATE, Layer, LayerSpec, Select, layer_spec
from stir.layers.layouts import layouts
from stir.layers.patterns import ALL, expand
from stir.layers.resolving import resolve_layer, resolve_layers
from stir.layers.selecting import choices, selected

__all__ = [
    "ALL",
    "OUTPUT",
    "PENULTIMATE",
    "Layer",
    "LayerFacts",
    "LayerSpec",
    "Select",
    "check_activations",
    "choices",
    "describe",
    "expand",
    "layer_spec",
    "layers_at_depths",
    "layouts",
    "relative_depth",
    "resolve_layer",
    "resolve_layers",
    "selected",
    "tensor_argument",
]
