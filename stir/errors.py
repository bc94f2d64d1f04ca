"""What can go wrong, one class a kind.

Every message says what was expected, what came, and what to do about it.
"""

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class StirError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidInputError(StirError, ValueError):
    """An argument that no result can be computed from."""


class DatasetError(InvalidInputError):
    """A dataset that is absent, damaged, or not what its settings say."""


class ConstantFeaturesError(InvalidInputError):
    """A representation in which every image looks the same."""


class LayerError(InvalidInputError):
    """A layer that the model does not have, or that has no single output."""


class InversionError(StirError, ValueError):
    """An inversion that cannot work: no gradient, or nothing to match."""


class NondeterministicModelError(InversionError, InvalidInputError):
    """A model that represents one image in several ways, though it is in eval mode."""


class CheckpointError(StirError, ValueError):
    """A checkpoint that is not what was asked for, or that would run code."""


class ArtifactError(StirError):
    """A cached artifact that is absent, altered, or not what its name says."""


class StorageError(StirError, OSError):
    """A place that cannot be written to: full, read-only, or not ours."""


class DeviceError(StirError):
    """A device that was asked for and cannot be had."""


class ConvergenceError(StirError):
    """Too few images converged for a score that could be trusted."""


class ConvergenceWarning(UserWarning):
    """Some images did not converge; they are returned, marked so."""


class PrecisionWarning(UserWarning):
    """A precision was asked for that the model or the device does not have; float32 is used instead."""


class MatchWarning(UserWarning):
    """Images match no better than others would; they are returned, and what is computed from them says little."""


def near_matches(word: str, known: "Iterable[str]") -> str:
    """Say which known words are near ``word``, else which there are.

    Returns
    -------
    str
        ``"Did you mean 'resnet8'?"`` or ``"Known: 'a', 'b'."``.
    """
    known = sorted(known)
    near = get_close_matches(str(word), known, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Known: {', '.join(map(repr, known))}."


def check_known(kind: str, name: str, known: "Collection[str]") -> None:
    """Refuse a name that nothing has.

    Raises
    ------
    InvalidInputError
        With near matches.
    """
    if not isinstance(name, str) or name not in known:
        raise InvalidInputError(f"Unknown {kind} {name!r}. {near_matches(name, known)}")
