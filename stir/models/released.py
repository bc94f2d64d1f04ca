"""Which of the tensors of a file are a model's weights: under which key, behind which prefix, beside what else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stir.errors import CheckpointError, near_matches
from stir.models.candidates import (
    Candidate,
    Missing,
    are_same,
    candidates,
    names_as_the_models,
    respelt,
    those_that_fit,
)
from stir.models.entries import Entry
from stir.models.leftovers import Leftovers, is_statistic, leftovers, normalisation
from stir.models.misfits import listed
from stir.models.own_names import NORMALISE, OwnNames, own_names, without_wrappers
from stir.models.pickles import NEEDLESS_CODE
from stir.models.weight_files import Weights
from stir.names import shortened

USUAL = "state_dict, model, model_state_dict, net or others"
MAX_OFFERED = 6
OF_ARRAYS = ("numpy", "_codecs")
"""Beginnings of what arrays in pickles are made of."""


@dataclass(frozen=True)
class Released:
    """Weights of a model that a checkpoint holds."""

    weights: dict[str, Tensor]
    """By the model's own names."""
    missing: tuple[str, ...]
    """Names of the model's head that the checkpoint does not have."""
    recognised: str
    """What the checkpoint was taken for, in a sentence or two."""


def weights_of(model: nn.Module, weights: Weights, *, entry: str | None = None, missing: Missing = "nothing") -> Released:
    """Find a model's weights in a checkpoint, and read no others.

    Raises
    ------
    CheckpointError
        If there are none, or several and ``entry`` does not say which.
    """
    own = own_names(model)
    entries = _under(weights.entries, entry)
    if not entries and own.required:
        raise CheckpointError(
            f"holds no state dict: expected name -> tensor, or that under {USUAL}; got {_instead(weights)}. {NEEDLESS_CODE}"
        )
    names = names_as_the_models(own, entries)
    chosen, beside = _chosen(own, names, entries, missing, _no_tensors(weights))
    values = {own.by_short[short]: entries[name].load(name) for short, name in chosen.found.items()}
    statistics = normalisation(own, beside.statistics, entries)
    _check_chosen_normalisation(model, own, statistics)
    if own.normalise is not None:
        shape = own.normalise.mean.shape
        values |= {name: value.reshape(shape) for name, value in statistics.items()}
        if own.has_own_normalisation and not statistics:
            values |= own.normalise.state_dict(prefix="normalise.")
    head = tuple(own.by_short[short] for group in chosen.missing for short in group)
    return Released(values, head, _recognised(weights, entries, chosen, beside, statistics, head))


def _under(entries: Mapping[str, Entry], entry: str | None) -> dict[str, Entry]:
    """Return the tensors under an entry: a key, several with dots between, and what names begin with."""
    if entry is None:
        return dict(entries)
    start = f"{entry.strip('.')}."
    found = {name: value for name, value in entries.items() if name.startswith(start)}
    short = f"{without_wrappers(entry.strip('.'))}."
    found = found or {name: value for name, value in entries.items() if short != "." and without_wrappers(name).startswith(short)}
    if not found:
        known = dict.fromkeys(part for name in entries for part in (name.partition(".")[0], entries[name].container) if part)
        raise CheckpointError(
            f"has no weights under the entry {shortened(entry)}. {_hint(near_matches(entry, list(known)[:1000]))}"
        )
    # A normalisation that lies beside belongs to these weights, whatever part of the names the entry is.
    containers = {value.container for value in found.values()}
    return found | {name: value for name, value in entries.items() if value.container in containers and is_statistic(name)}


def _hint(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}..."


def _chosen(
    own: OwnNames, names: Mapping[str, str], entries: Mapping[str, Entry], missing: Missing, more: str
) -> tuple[Candidate, Leftovers]:
    """Return the one place where the model's weights are, and what lies beside them."""
    found = candidates(own, names, entries)
    fits = those_that_fit(own, found, missing)
    spelt = respelt(names)
    if not fits and (others := those_that_fit(own, respelt_found := candidates(own, spelt, entries), missing)):
        names, found, fits = spelt, respelt_found, others
    beside = {each: leftovers(own, each, fits, names, entries) for each in fits}
    good = [each for each in fits if not beside[each].unexplained and not _lacks_normalisation(own, beside[each])]
    if not good:
        best = (fits or found or [Candidate("", {}, own.required, frozenset(each.container for each in entries.values()))])[0]
        rest = beside.get(best) or leftovers(own, best, fits, names, entries)
        raise CheckpointError(_misfit(own, best, rest, fits, entries) + more)
    elsewhere = [each for each in fits if each not in good and all(each.containers.isdisjoint(one.containers) for one in good)]
    rivals = [each for each in elsewhere + good[1:] if not are_same(own, good[0], each, entries)]
    if rivals:
        raise CheckpointError(_which([good[0], *rivals]))
    return good[0], beside[good[0]]


def _which(rivals: Sequence[Candidate]) -> str:
    """Ask which of several sets of weights is meant."""
    containers = [min(each.containers) for each in rivals]
    tell_apart = "" not in containers and len(set(containers)) == len(rivals)
    offered = (containers if tell_apart else [each.entry for each in rivals])[:MAX_OFFERED]
    return (
        f"holds {len(rivals)} sets of weights that fit this model, under "
        f"{' and '.join(shortened(entry) if entry else 'no key' for entry in offered)}. Say which is meant: "
        f"{' or '.join(f'entry: {entry}' for entry in offered if entry)}."
    )


def _lacks_normalisation(own: OwnNames, beside: Leftovers) -> bool:
    return own.normalise is not None and not own.has_own_normalisation and not all(beside.statistics.values())


def _misfit(own: OwnNames, best: Candidate, rest: Leftovers, fits: Sequence[Candidate], entries: Mapping[str, Entry]) -> str:
    """Say what does not fit, and what could be done."""
    missing = [own.by_short[group[0]] for group in best.missing]
    if _lacks_normalisation(own, rest):
        missing += [name for name in NORMALISE if not rest.statistics[name.rpartition(".")[2]]]
    offered = [each.entry for each in fits if each.entry and len(fits) <= MAX_OFFERED]
    return listed(missing, rest.unexplained, own.values, entries, offered)


def _check_chosen_normalisation(model: nn.Module, own: OwnNames, carried: Mapping[str, Tensor]) -> None:
    """Refuse another normalisation than the one that was chosen by name or value."""
    if own.normalise is None or not getattr(model, "is_chosen", False):
        return
    for name, value in carried.items():
        chosen = own.normalise.state_dict(prefix="normalise.")[name]
        if not torch.allclose(value.reshape(chosen.shape).to(chosen), chosen):
            raise CheckpointError(
                f"carries a {name.rpartition('.')[2]} of its own, {value.flatten()[:3].tolist()}; the normalisation "
                f"that was chosen has {chosen.tolist()}. Leave normalisation out."
            )


def _recognised(
    weights: Weights,
    entries: Mapping[str, Entry],
    chosen: Candidate,
    beside: Leftovers,
    statistics: Mapping[str, Tensor],
    head: Sequence[str],
) -> str:
    """Say what a checkpoint was taken for."""
    said = [f"{weights.kind} with {len(chosen.found):,} tensors of the model"]
    if chosen.entry:
        said.append(f"under {shortened(chosen.entry)}")
    types = sorted({_type(entries[name]) for name in chosen.found.values()} - {"float32", "int64"})
    if types:
        said.append(f"stored as {' and '.join(types)}")
    said += [
        f"{name} {[round(each, 4) for each in value.flatten().tolist()]} taken from it" for name, value in statistics.items()
    ]
    said += [f"left out: {len(names):,} {reason} ({shortened(names[0])})" for reason, names in beside.why.items()]
    outside = sum(each.container not in chosen.containers for each in weights.entries.values())
    if outside:
        said.append(f"not read: {outside:,} tensors elsewhere in the file")
    if left_out := [name for name in weights.left_out if not name.startswith(OF_ARRAYS)]:
        said.append(f"not made: objects of {_few(left_out)}")
    if head:
        said.append(f"without {_few(head)}, so that only layers before them can be read")
    return "; ".join(said)


def _type(entry: Entry) -> str:
    return str(getattr(entry.value, "dtype", "")).removeprefix("torch.")


def _few(names: Iterable[str], n: int = 3) -> str:
    listed = list(names)
    more = f" and {len(listed) - n:,} others" if len(listed) > n else ""
    return ", ".join(shortened(name.replace(" ", ".")).strip("'") for name in listed[:n]) + more


def _instead(weights: Weights) -> str:
    """Say what a file without tensors holds."""
    name, kind = next(((name, kind) for name, kind in weights.others.items() if name), ("", weights.others.get("", "dict")))
    return f"a value of type {kind}" + (f" at {shortened(name)}" if name else "")


def _no_tensors(weights: Weights) -> str:
    """Say which values beside weights are no tensors."""
    few = [f"{shortened(name)} ({kind})" for name, kind in weights.others.items() if name][:3]
    return f" Its {', '.join(few)} {'is no tensor' if len(few) == 1 else 'are no tensors'}." if few else ""
