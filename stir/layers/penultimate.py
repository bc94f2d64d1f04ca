"""Find the penultimate layer: what the classifier takes, by what the model states or by what gives its output."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves

from stir.errors import LayerError
from stir.layers.activations import are_activations, check_activations
from stir.layers.calls import Call, calls_of
from stir.layers.layer import OUTPUT, Layer
from stir.layers.naming import short_names

LOGITS, POOLED, POOLED_NORM = "logits", "pooler_output", "fc_norm"
"""What Transformers call the outputs of a classifier and of a model without one, and others the norm before a classifier."""


def penultimate(model: nn.Module, modules: dict[str, nn.Module], images: Float[Tensor, "2 ..."]) -> Layer:
    """Find what the classifier of a model takes.

    That is the input of the classifier that ``get_classifier()`` states, as timm's models do; else the pooled output of a
    model of Transformers without logits; else the input of the last linear layer whose output is the model's, as it is
    or as probabilities, or of such a convolution, before the mean over space, or another such layer with a matrix; else
    the output of ``fc_norm`` where that is the model's.

    Parameters
    ----------
    model : torch.nn.Module
        In eval mode.
    modules : dict
        Its modules by their names.
    images : Float[Tensor, "2 ..."]
        What it takes.

    Raises
    ------
    LayerError
        If there is none, or it is not called once; with the names of layers that can be read.
    """
    linear = {name: module for name, module in modules.items() if isinstance(module, nn.Linear)}
    stating, stated = _stated(modules)
    calls, output = calls_of(model, {**linear, **stating, **stated}, images, copying=True)
    by_statement = _by_statement([call for call in calls if call.name in stating], [c for c in calls if c.name in stated], output)
    of_linear = [call for call in calls if call.name in linear]
    if by_statement is None and (pooled := _pooled(output, len(images))) is not None:
        return pooled
    found = by_statement or _by_output(of_linear, output) or _by_other_heads(model, modules, linear, images)
    if found is not None:
        return _input_of(found, [call for call in calls if call.name == found.name] or [found], len(images))
    if (normalised := _normalised(model, modules, images)) is not None:
        return normalised
    raise LayerError(f"{_why_none(list(stated), linear, of_linear)}, such as {_candidates(model, modules, images)}.")


def _stated(modules: dict[str, nn.Module]) -> tuple[dict[str, nn.Module], dict[str, nn.Module]]:
    """Return the outermost module with ``get_classifier()``, and the modules that this gives, by their names."""
    for name, module in modules.items():
        if callable(stated := getattr(module, "get_classifier", None)):
            try:
                classifiers = {id(each) for each in tree_leaves(_listed(stated())) if isinstance(each, nn.Module)}
            except Exception:  # it may take arguments, or be anything else
                return {}, {}
            return {name: module}, {name: each for name, each in modules.items() if id(each) in classifiers}
    return {}, {}


def _listed(classifiers: Any) -> Any:
    return list(classifiers) if isinstance(classifiers, nn.ModuleList) else classifiers


def _by_statement(stating: list[Call], classifiers: list[Call], output: Any) -> Call | None:
    """Return a call of the classifier that a model states, where that model gives the output."""
    if not classifiers or not any(_gives(call.output, _leaves(output)) for call in stating):
        return None
    return classifiers[-1] if _take_the_same(classifiers) else None


def _take_the_same(calls: list[Call]) -> bool:
    first, *others = (call.inputs for call in calls)
    return isinstance(first, Tensor) and all(_same(first, other) for other in others)


def _same(first: Tensor, second: object) -> bool:
    if not isinstance(second, Tensor) or first.shape != second.shape:
        return False
    return first is second if first.is_meta else torch.equal(first, second)


def _by_output(calls: list[Call], output: Any) -> Call | None:
    """Return the last call that gives the model's output, unless others that take something else do so, too."""
    leaves = _leaves(output)
    if any(leaf.is_meta for leaf in leaves):  # there are no values; so what is called last is all that can be compared
        calls = calls[-1:]
    giving = [call for call in calls if _gives(call.output, leaves)]
    if len({call.name for call in giving}) > 1 and not _take_the_same(giving):
        return None
    return giving[-1] if giving else None


def _by_other_heads(
    model: nn.Module, modules: dict[str, nn.Module], linear: Mapping[str, nn.Module], images: Tensor
) -> Call | None:
    """Return a call of a convolution, or of a layer with a matrix that is not torch's, that gives the model's output."""
    heads = {name: module for name, module in modules.items() if name not in linear and _is_head(module)}
    if not heads:
        return None
    calls, output = calls_of(model, heads, images, copying=True)
    return _by_output([replace(call, output=_over_space(call.output)) for call in calls], output)


def _over_space(logits: object) -> Any:
    """Return what a convolution's output can become on the way to the model's output."""
    if not isinstance(logits, Tensor) or logits.ndim < 3:
        return logits
    return [logits.flatten(2).mean(dim=2), logits.relu().flatten(2).mean(dim=2)]


def _is_head(module: nn.Module) -> bool:
    if isinstance(module, _ConvNd):
        return all(size == 1 for size in module.kernel_size)
    weight = module._parameters.get("weight")
    return isinstance(weight, Tensor) and weight.ndim == 2 and not isinstance(module, nn.Embedding)


def _input_of(found: Call, calls: list[Call], n: int) -> Layer:
    if len(calls) != 1:
        raise LayerError(f"The last linear layer {found.name!r} is called several times: name a layer that is called once.")
    check_activations(found.inputs, f"input of {found.name}", n)
    return Layer(found.name, "input")


def _pooled(output: Any, n: int) -> Layer | None:
    """Return the pooled output of a model of Transformers without a classifier."""
    pooled = output.get(POOLED) if isinstance(output, Mapping) and output.get(LOGITS) is None else None
    return Layer("", "output", select=POOLED) if are_activations(pooled, n) else None


def _normalised(model: nn.Module, modules: dict[str, nn.Module], images: Tensor) -> Layer | None:
    norms = {name: module for name, module in modules.items() if name.rpartition(".")[2] == POOLED_NORM}
    if not norms:
        return None
    calls, output = calls_of(model, norms, images, copying=True)
    giving = [call for call in calls if _gives(call.output, _leaves(output)) and are_activations(call.output, len(images))]
    return Layer(giving[0].name, "output") if len(giving) == len(calls) == 1 else None


def _gives(logits: object, leaves: list[Tensor]) -> bool:
    """Return whether a layer's output is the model's, or one of several: as it is or as probabilities."""
    if not isinstance(logits, Tensor):
        return any(_gives(mine, leaves) for mine in _leaves(logits))
    found = [leaf for leaf in leaves if leaf.numel() == logits.numel()]
    if logits.is_meta:  # there are no values; the number of them is all that can be compared
        return bool(found)
    forms = [logits] if logits.ndim < 2 else [logits, logits.softmax(-1), logits.log_softmax(-1)]
    return any(torch.allclose(leaf.flatten().to(form), form.flatten(), equal_nan=True) for leaf in found for form in forms)


def _leaves(output: Any) -> list[Tensor]:
    """Return the tensors in what a model gives: itself, its logits, or those in tuples and dictionaries."""
    logits = output.get(LOGITS) if isinstance(output, Mapping) else getattr(output, LOGITS, None)
    if isinstance(logits, Tensor):
        return [logits]
    if isinstance(output, Mapping):
        output = list(output.values())
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]


def _why_none(stated: list[str], linear: Mapping[str, nn.Module], calls: list[Call]) -> str:
    """Return why there is no penultimate layer, up to the names of others."""
    if len(stated) > 1:
        return (
            f"The model's classifiers {' and '.join(map(repr, stated))} take different features, so there is no one penultimate "
            "layer. Name a layer"
        )
    if not linear:
        return "The model has no linear layer, so no penultimate layer: name one with layer=..."
    if not calls:
        return "The forward pass calls no linear layer, so there is no penultimate one: name a layer"
    return (
        f"The last linear layer {calls[-1].name!r} does not give the model's output, as a classifier's does, so its input need "
        "not be the penultimate layer. Name a layer"
    )


def _candidates(model: nn.Module, modules: dict[str, nn.Module], images: Tensor) -> str:
    """Return the names of the layers that can be read and end last, and what the model gives."""
    calls, output = calls_of(model, {name: module for name, module in modules.items() if name}, images)
    times = Counter(call.name for call in calls)
    short = short_names(modules)
    fit = [call.name for call in calls if times[call.name] == 1 and are_activations(call.output, len(images))]
    whole = [OUTPUT] if any(are_activations(leaf, len(images)) for leaf in _leaves(output)) else []
    return " or ".join(repr(short.get(name, name)) for name in [*fit[-4:], *whole]) or "one that gives a tensor"
