"""The last ReLU before a layer, whose gradient may be faked: found where the model can be traced up to the layer."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, fx, nn

from stir.errors import InvalidInputError
from stir.layers import Layer, LayerSpec, layer_spec, resolve_layer, selected
from stir.layers.calls import trial
from stir.models.cutting import Part, UntraceableError, cut
from stir.models.folding import with_fake_last_relu
from stir.models.preprocessed import network_name


def cut_at(model: nn.Module, found: Layer, *, deep: bool) -> Part:
    """Return the part of a model that leads to a layer; ``deep`` as in `cut`."""
    taken = partial(selected, select=found.select, layer=str(found))
    return cut(model, found.name, found.side, call=found.call or 0, taken=taken, deep=deep)


def faked(graph: fx.GraphModule) -> fx.GraphModule:
    """Let gradients pass the last ReLU.

    Raises
    ------
    UntraceableError
        If there is none, or another may come after it.
    """
    short = with_fake_last_relu(graph)
    if short is None:
        raise UntraceableError("there is no ReLU that is seen to be the last")
    return short


def no_fake_relu(model: nn.Module, layer: str, reasons: Sequence[str]) -> InvalidInputError:
    """Return the error of a model that has no last ReLU to fake, or none that is seen."""
    return InvalidInputError(
        f"Found no ReLU whose gradient fake_last_relu could replace before layer {layer!r} of {network_name(model)}, or torch.fx "
        f"cannot trace the model up to there ({reasons[-1]}). Leave fake_last_relu out, or choose a layer after a ReLU."
    )


def check_fake_last_relu(model: nn.Module, layer: str | LayerSpec | None, images: Tensor) -> None:
    """Refuse a layer before which no ReLU is seen to be the last.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode; nothing is computed but shapes, so its weights may be on the device ``"meta"``.
    layer : str, LayerSpec or None
        As in `stir.represent`.
    images : Tensor
        Two that it takes.

    Raises
    ------
    InvalidInputError
        Naming model, layer, reason and remedy.
    """
    reasons = []
    with trial(model, images) as two:
        found = resolve_layer(model, layer_spec(layer, None, "flatten"), two)
        for deep in (True, False):
            try:
                faked(cut_at(model, found, deep=deep).graph)
            except UntraceableError as error:
                reasons.append(str(error))
            else:
                return
    raise no_fake_relu(model, str(found), reasons)
