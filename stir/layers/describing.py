"""What layers a model has: names, shapes, calls, layouts, depths, and which is the penultimate."""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor, nn

from stir.errors import LayerError
from stir.layers.calls import Call, trial
from stir.layers.layer import OUTPUT, PENULTIMATE, Layer, LayerSpec
from stir.layers.layouts import Passes, two_passes
from stir.layers.naming import NETWORK, short_names
from stir.layers.resolving import resolve_layers
from stir.layers.selecting import choices, settled_select
from stir.models.depths import Depths, follow


@dataclass(frozen=True)
class LayerFacts:
    """A layer of a model, as two images showed it.

    Examples
    --------
    >>> import torch
    >>> from stir.layers import describe
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    >>> first = describe(model, torch.rand(2, 1, 8, 8))[0]
    >>> first.channels, first.calls
    ('first', 1)
    """

    name: str
    """As `stir.represent` takes it."""
    module: str
    """Class of the module; of the penultimate layer, what it is."""
    shape: tuple[int, ...] | None
    """Of one image's activations; None where there are several tensors, or none that can be read."""
    calls: int
    """In a forward pass; a layer that is called several times is named ``NAME:CALL``."""
    choices: tuple[str, ...] = ()
    """Selectors of the tensors that it gives, where it gives no single one."""
    channels: str | None = None
    """Whether features are dimension ``"first"`` or ``"last"`` of one image's activations; None where that is not known."""
    prefix: int | None = 0
    """Tokens before those of positions; None where that is not known."""
    depth: float | None = None
    """As in `relative_depth`; None where it is not called once."""
    is_penultimate: bool = False
    """Whether it gives what the penultimate layer is."""


def describe(model: nn.Module, images: Float[Tensor, "k ..."]) -> list[LayerFacts]:
    """Return what can be read in a model, in the order in which a forward pass ends it.

    The model is left as found.

    Parameters
    ----------
    model : torch.nn.Module
        Any model; its weights may be on the device ``"meta"``.
    images : Float[Tensor, "k ..."]
        One or two that it takes.

    Returns
    -------
    list of LayerFacts
        Its modules, those that are never called last; then ``"output"``, and ``"penultimate"`` where there is one.

    Examples
    --------
    >>> import torch
    >>> from stir.layers import describe
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    >>> for layer in describe(model, torch.rand(2, 1, 8, 8)):
    ...     print(layer.name, layer.module, layer.shape)
    ...
    0 Conv2d (4, 6, 6)
    1 ReLU (4, 6, 6)
    2 Flatten (144,)
    3 Linear (3,)
    output Sequential (3,)
    penultimate input of 3 (144,)
    """
    with trial(model, images) as two:
        modules = {name: module for name, module in model.named_modules() if name}
        passes = two_passes(model, modules, two)
        depths = _depths(model, two)
        last = _penultimate(model, two)
        names = short_names(modules)
        facts = [_facts(module, names[name], name, passes, depths, last) for name, module in modules.items()]
        ended = {call.name: number for number, call in enumerate(passes.calls)}
        order = {names[name]: ended.get(name, len(passes.calls)) for name in modules}
        facts.sort(key=lambda each: order[each.name])
        of_output = _of(OUTPUT, type(model).__name__, Layer("", "output"), passes.output, passes)
        return [*facts, of_output, *([] if last is None else [_of_last(last, names.get(last.name, OUTPUT), passes, depths)])]


def _penultimate(model: nn.Module, images: Tensor) -> Layer | None:
    try:
        return resolve_layers(model, [LayerSpec()], images)[0]
    except LayerError:
        return None


def _depths(model: nn.Module, images: Tensor) -> Depths | None:
    names = short_names(name for name, _ in model.named_modules())
    wrapping = {name for name, short in names.items() if short in ("", NETWORK.removesuffix("."))}
    try:
        return follow(model, images, wholes=wrapping)
    except Exception:  # depths are an addition; a network may not bear what follows its tensors
        return None


def _facts(module: nn.Module, short: str, name: str, passes: Passes, depths: Depths | None, last: Layer | None) -> LayerFacts:
    calls = [call for call in passes.calls if call.name == name]
    if not calls:
        return LayerFacts(short, type(module).__name__, None, 0)
    layer = Layer(name, "output", None if len(calls) == 1 else 0)
    found = _of(short, type(module).__name__, layer, calls[0].output, passes)
    depth = None if depths is None else depths.of_layer.get(name)
    once = last is not None and len(calls) == 1
    return replace(found, calls=len(calls), depth=depth, is_penultimate=once and _gives_penultimate(calls[0], last, passes))


def _gives_penultimate(call: Call, last: Layer | None, passes: Passes) -> bool:
    if last is None or last.side == "output":
        return last is not None and call.name == last.name
    (taking,) = (each for each in passes.calls if each.name == last.name)
    return call.identity == taking.identity_of_input


def _of(name: str, kind: str, layer: Layer, output: object, passes: Passes) -> LayerFacts:
    """Return what is known of what a module gives, or of the model's output."""
    selectors = () if isinstance(output, Tensor) else tuple(choices(output))
    try:
        select = settled_select(output, None, name, passes.n)
    except LayerError:
        return LayerFacts(name, kind, None, 1, selectors)
    layout = passes.layout(replace(layer, select=select))
    return LayerFacts(name, kind, layout.shape[1:], 1, selectors, layout.channels, layout.n_prefix())


def _of_last(last: Layer, place: str, passes: Passes, depths: Depths | None) -> LayerFacts:
    layout = passes.layout(last)
    known = {} if depths is None else depths.of_input if last.side == "input" else depths.of_layer
    return LayerFacts(
        name=PENULTIMATE,
        module=f"input of {place}" if last.side == "input" else place + (f", {last.select}" if last.select else ""),
        shape=layout.shape[1:],
        calls=1,
        channels=layout.channels,
        prefix=layout.n_prefix(),
        depth=known.get(last.name),
        is_penultimate=True,
    )
