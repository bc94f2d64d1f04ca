"""Places in a file where a model's names are found: under keys and behind prefixes, which are one thing here."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from stir.models.entries import Entry
from stir.models.own_names import OwnNames, without_wrappers
from stir.models.providers.torchvision_models import PUBLISHED_DENSENET

Missing = Literal["nothing", "head"]
MAX_PREFIXES = 12
"""Parts of a name that may stand before a model's own."""
MAX_CANDIDATES = 1000
LEAST_SHARE = 0.5
"""Of a model that a file without its head must have."""
SPELLINGS = (
    (PUBLISHED_DENSENET, r"\1\2"),
    (re.compile(r"(LayerNorm|layer_norm)\.gamma\Z"), r"\1.weight"),
    (re.compile(r"(LayerNorm|layer_norm)\.beta\Z"), r"\1.bias"),
)
"""How old files name what is named otherwise today: torchvision's DenseNets, transformers' first normalisations."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A prefix behind which a model's names stand."""

    prefix: str
    found: Mapping[str, str]
    """Short name of the model -> name in the file."""
    missing: tuple[tuple[str, ...], ...]
    """Short names that are needed and not there, tied ones together."""
    containers: frozenset[str]

    @property
    def entry(self) -> str:
        """That an experiment file would give to take these names alone; empty if they have nothing in common."""
        short, name = next(iter(self.found.items()), ("", ""))
        return name.removesuffix(short).rstrip(".") if name.endswith(short) else self.prefix.rstrip(".")


def names_as_the_models(own: OwnNames, entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return names without what wrapped modules add -> names in the file; unless two would be one, or the model's would."""
    shorter = {without_wrappers(name): name for name in entries} if own.unwraps else {}
    return shorter if len(shorter) == len(entries) else {name: name for name in entries}


def respelt(names: Mapping[str, str]) -> dict[str, str]:
    """Return names as they are spelt today -> names in the file."""
    spelt = {}
    for short, name in names.items():
        for pattern, instead in SPELLINGS:
            short = pattern.sub(instead, short)
        spelt[short] = name
    return spelt if len(spelt) == len(names) else dict(names)


def candidates(own: OwnNames, names: Mapping[str, str], entries: Mapping[str, Entry]) -> list[Candidate]:
    """Find prefixes behind which there are names of a model; those with most come first, of these the shortest."""
    counts: Counter[str] = Counter()
    for short in names:
        at = 0
        for _ in range(MAX_PREFIXES):
            if short[at:] in own.by_short:
                counts[short[:at]] += 1
            at = short.find(".", at) + 1
            if at == 0:
                break
    made = [_candidate(own, prefix, names, entries) for prefix, _ in counts.most_common(MAX_CANDIDATES)]
    return sorted(made, key=lambda each: (len(each.missing), len(each.prefix)))


def _candidate(own: OwnNames, prefix: str, names: Mapping[str, str], entries: Mapping[str, Entry]) -> Candidate:
    found = {short: names[prefix + short] for short in own.by_short if prefix + short in names}
    missing = tuple(group for group in own.required if not any(short in found for short in group))
    return Candidate(prefix, found, missing, frozenset(entries[name].container for name in found.values()))


def those_that_fit(own: OwnNames, found: Iterable[Candidate], missing: Missing) -> list[Candidate]:
    """Return candidates that lack nothing, or nothing but the end of the model, if that is allowed."""
    found = list(found)
    whole = [each for each in found if not each.missing]
    if whole or missing == "nothing":
        return whole
    headless = [each for each in found if each.found and _is_end(own, each)]
    return [each for each in headless if len(each.missing) == len(headless[0].missing)]


def _is_end(own: OwnNames, candidate: Candidate) -> bool:
    n_missing, n_required = len(candidate.missing), len(own.required)
    return n_missing < LEAST_SHARE * n_required and candidate.missing == own.required[-n_missing:]


def are_same(own: OwnNames, one: Candidate, other: Candidate, entries: Mapping[str, Entry]) -> bool:
    """Return whether two candidates have the same values of the shapes that the model has."""
    if one.found.keys() != other.found.keys():
        return False
    for short, name in one.found.items():
        first, second = entries[name], entries[other.found[short]]
        if first.value is second.value or (first.content is second.content and _is_one(first, second)):
            continue
        shape = tuple(own.values[own.by_short[short]].shape)
        if not first.shape == second.shape == shape or not torch.equal(first.load(name), second.load(other.found[short])):
            return False
    return True


def _is_one(first: Entry, second: Entry) -> bool:
    return type(first.value) is type(second.value) and not isinstance(first.value, torch.Tensor) and first.value == second.value
