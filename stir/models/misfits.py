"""What to say of weights that are not a model's."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches

from torch import Tensor

from stir.models.entries import Entry
from stir.models.leftovers import is_statistic
from stir.models.preprocessed import NETWORK
from stir.names import shortened

SHOWN = 3
MAX_COMPARED = 1000
LEAST_SIMILARITY = 0.4
MAX_LENGTH = 300
"""Of names that are compared."""


def listed(
    missing: Sequence[str],
    unexpected: Sequence[str],
    own: Mapping[str, Tensor],
    entries: Mapping[str, Entry],
    offered: Sequence[str],
) -> str:
    """Say which names are missing and which unexpected, each with the nearest on the other side, and what can be done."""
    examples = [_with_nearest(name, unexpected or entries, "file") for name in missing[:SHOWN]]
    examples += [_with_nearest(name, missing or own, "model") for name in unexpected[:SHOWN]]
    text = (
        f"holds weights that are not this model's: {len(missing):,} missing, {len(unexpected):,} unexpected, for example "
        f"{'; '.join(examples)}. "
    )
    if 0 < len(unexpected) <= SHOWN + 1 and any(map(is_statistic, unexpected)):
        return text + "It carries a normalisation: put stir.models.Normalise in front of the network, as `normalise`."
    if offered:
        return text + f"To take some names alone, say which: {' or '.join(f'entry: {entry}' for entry in offered)}."
    return text + _advice(missing, unexpected, own)


def _with_nearest(name: str, known: Collection[str], where: str) -> str:
    comparable = {other.removeprefix(NETWORK): other for other in known if len(other) <= MAX_LENGTH}
    first = list(comparable)[:MAX_COMPARED]
    near = get_close_matches(name.removeprefix(NETWORK), first, n=1, cutoff=LEAST_SIMILARITY) if len(name) <= MAX_LENGTH else []
    nearest = f"nearest in the {where}: {shortened(comparable[near[0]])}" if near else f"nothing like it in the {where}"
    return f"{shortened(name)} ({nearest})"


def _advice(missing: Sequence[str], unexpected: Sequence[str], own: Mapping[str, Tensor]) -> str:
    names = list(own)
    if missing and not unexpected and set(missing) == set(names[len(names) - len(missing) :]) and len(missing) < len(names) / 2:
        return "If it is a backbone, and only layers before these are read: missing='head'."
    if missing and len(missing) < len(own):
        return "Build the model as it was trained, or rename the entries."
    return "Build the model that the checkpoint is of."
