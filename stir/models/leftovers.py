"""What a file holds beside a model's weights, and why it may be left out."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stir.errors import CheckpointError
from stir.models.candidates import Candidate
from stir.models.entries import Entry
from stir.models.own_names import COUNT, MADE, NORMALISE, OwnNames
from stir.models.providers.torchvision_models import AUXILIARY
from stir.names import shortened

COUNTS = frozenset(("n_averaged", "total_ops", "total_params", COUNT))
"""Numbers that averaging and counting of operations leave in state dicts."""
STATISTICS = {
    "mean": re.compile(r"(?:.*\.)?(?:new_|_)?(?:mean|means|mu)\Z"),
    "std": re.compile(r"(?:.*\.)?(?:new_|_)?(?:std|stds|sd|sds|sigma)\Z"),
}
"""How normalisations in front of networks name their buffers."""


@dataclass
class Leftovers:
    """Names of a file that are not a model's."""

    unexplained: list[str] = field(default_factory=list)
    why: dict[str, list[str]] = field(default_factory=dict)
    """Reason -> names."""
    statistics: dict[str, list[str]] = field(default_factory=lambda: {"mean": [], "std": []})
    """``mean`` or ``std`` -> names of buffers of normalisations."""


def leftovers(
    own: OwnNames, candidate: Candidate, others: Iterable[Candidate], names: Mapping[str, str], entries: Mapping[str, Entry]
) -> Leftovers:
    """Sort whatever lies beside a candidate, in the same mappings, by the reason why it may be left out."""
    result = Leftovers()
    taken = set(candidate.found.values())
    others = list(others)
    heads = _modules_of_head(candidate) if candidate in others else ()
    needless = _left_out_on_purpose(own, candidate, names)
    rivals = {name for other in others if other is not candidate for name in other.found.values()}
    for short, name in names.items():
        if name in taken or entries[name].container not in candidate.containers:
            continue
        relative = short.removeprefix(candidate.prefix)
        if name in needless:
            result.why.setdefault("that the network lacks on purpose", []).append(name)
        elif statistic := _statistic(own, short, entries[name]):
            result.statistics[statistic].append(name)
        elif reason := _reason(own, heads, relative, name, entries[name]):
            result.why.setdefault(reason, []).append(name)
        elif name in rivals:
            result.why.setdefault("copies", []).append(name)
        else:
            result.unexplained.append(name)
    return result


def is_statistic(name: str) -> bool:
    """Return whether a buffer is named as those of normalisations are."""
    return any(pattern.match(name) for pattern in STATISTICS.values())


def _statistic(own: OwnNames, short: str, entry: Entry) -> str | None:
    """Say which statistic of a normalisation in front of the network a buffer is."""
    n_channels = 0 if own.normalise is None else own.normalise.mean.numel()
    if math.prod(entry.shape) != n_channels or sum(size != 1 for size in entry.shape) > 1:
        return None
    return next((name for name, pattern in STATISTICS.items() if pattern.match(short)), None)


def _reason(own: OwnNames, heads: tuple[str, ...], relative: str, name: str, entry: Entry) -> str | None:
    last = relative.rpartition(".")[2]
    if last in COUNTS:
        return "counts"
    if relative in own.unsaved and entry.shape == tuple(own.unsaved[relative].shape):
        buffer = own.unsaved[relative].detach().cpu()
        return "buffers that the model makes itself" if torch.equal(entry.load(name).to(buffer.dtype), buffer) else None
    if last in MADE and relative not in own.unsaved:
        return "buffers that the model does without"
    if relative.startswith(AUXILIARY):
        return "auxiliary classifiers"
    return "of another head" if relative.startswith(heads) else None


def _left_out_on_purpose(own: OwnNames, candidate: Candidate, names: Mapping[str, str]) -> set[str]:
    """Return names in a file that the network's library publishes beside the network's own, as a text tower."""
    above = candidate.prefix.rstrip(".").rpartition(".")
    for prefix in (candidate.prefix, above[0] + above[1]):
        published = {short.removeprefix(prefix): name for short, name in names.items() if short.startswith(prefix)}
        kept = set(own.own_weights(published).values())
        if kept.issuperset(candidate.found.values()):
            return set(published.values()) - kept
    return set()


def _modules_of_head(candidate: Candidate) -> tuple[str, ...]:
    modules = {short.rpartition(".")[0] for group in candidate.missing for short in group}
    return tuple(f"{module}." for module in modules if module)


def normalisation(own: OwnNames, found: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> dict[str, Tensor]:
    """Return the mean and standard deviation that weights carry, by the model's own names.

    Raises
    ------
    CheckpointError
        If there are several, one without the other, or none of pixels in [0, 1].
    """
    if own.normalise is None or not any(found.values()):
        return {}
    values = {}
    for own_name in NORMALISE:
        statistic = own_name.rpartition(".")[2]
        loaded = [entries[name].load(name).flatten() for name in found[statistic]]
        if not loaded or not all(torch.equal(each, loaded[0]) for each in loaded):
            raise CheckpointError(
                f"carries {len(loaded) and 'several values'} for the {statistic} of pixels, under "
                f"{shortened(found[statistic])}. Save the one that the network is used with."
            )
        values[own_name] = loaded[0]
    mean, std = (values[name].double() for name in NORMALISE)
    is_own = all(name.endswith(NORMALISE) for names in found.values() for name in names)
    if not is_own and not (mean.abs().max() <= 1 and std.max() <= 1 and std.min() > 0):
        raise CheckpointError(
            f"carries a mean of {mean.tolist()} and a standard deviation of {std.tolist()}, which are not of pixels in [0, 1]. "
            "Divide those of pixels in [0, 255] by 255."
        )
    return values
