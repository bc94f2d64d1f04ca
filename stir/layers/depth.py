"""How deep in an architecture a layer lies, and which layers of another lie as deep."""

from collections.abc import Sequence
from functools import lru_cache

from stir.errors import InvalidInputError, LayerError, near_matches
from stir.layers.layer import PENULTIMATE
from stir.layers.naming import known_name
from stir.models import Architecture, architecture_depths
from stir.models.depths import Depths


def relative_depth(architecture: Architecture, layer: str) -> float:
    """Return how deep a layer lies: convolutions and linear layers up to its output, over all, each on the longest way.

    Parameters
    ----------
    architecture : Architecture
        Its width does not matter.
    layer : str
        Dotted name, or ``"penultimate"``.

    Returns
    -------
    float
        From 0 (before the first) to 1 (the classifier's output).

    Raises
    ------
    LayerError
        If there is no such layer, or it is called several times.

    Examples
    --------
    >>> from stir.layers import relative_depth
    >>> from stir.models import Architecture
    >>> round(relative_depth(Architecture("resnet18", 64, classes=10), "penultimate"), 2)
    0.94
    """
    depths = _depths(architecture)
    of_layer = depths.of_layer | ({} if depths.of_penultimate is None else {PENULTIMATE: depths.of_penultimate})
    if (name := PENULTIMATE if layer == PENULTIMATE else known_name(of_layer, layer)) not in of_layer:
        raise LayerError(
            f"Architecture {architecture.name!r} has no layer {layer!r} that is called once. {near_matches(layer, of_layer)}"
        )
    return of_layer[str(name)]


def layers_at_depths(architecture: Architecture, depths: Sequence[float]) -> list[str]:
    """Return the blocks of an architecture that lie nearest to relative depths, to compare architectures layer by layer.

    A block is a layer that everything passes through; of several at one depth it is the last and outermost, so the
    activation after a convolution, or the stage that ends there.

    Parameters
    ----------
    architecture : Architecture
        Its width does not matter.
    depths : sequence of float
        Each over 0 and at most 1, as in `relative_depth`.

    Returns
    -------
    list of str
        A dotted name for each depth; one twice where two depths are nearest to one block.

    Raises
    ------
    InvalidInputError
        If a depth is not in (0, 1].

    Examples
    --------
    >>> from stir.layers import layers_at_depths
    >>> from stir.models import Architecture
    >>> layers_at_depths(Architecture("resnet18", 64, classes=10), [0.25, 0.5, 1.0])
    ['stage1', 'stage2', 'classifier']
    """
    if outside := [depth for depth in depths if not 0 < depth <= 1]:
        raise InvalidInputError(f"Expected relative depths over 0 and at most 1; got {outside[0]!r}. 1 is the network's output.")
    of_layer, blocks = _depths(architecture).of_layer, _depths(architecture).blocks
    return [min(blocks, key=lambda block: abs(of_layer[block] - depth)) for depth in depths]


@lru_cache
def _depths(architecture: Architecture) -> Depths:
    return architecture_depths(architecture)
