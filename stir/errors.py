"""Errors and warnings.

Every message says what was expected, what was found, and what to do.

Examples
--------
Errors of invalid arguments are errors of values, too:

>>> from stir.errors import InvalidInputError
>>> from stir.similarity import get_similarity_measure
>>> try:
...     get_similarity_measure("linear_ckaa")
... except InvalidInputError as error:
...     print(isinstance(error, ValueError), error)
True Unknown similarity measure 'linear_ckaa'. Did you mean 'linear_cka'...
"""

import sys
import warnings
from collections.abc import KeysView, Set
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class StirError(Exception):
    """Base class of all errors that this package raises deliberately."""


class InvalidInputError(StirError, ValueError):
    """An argument is invalid."""


class DatasetError(InvalidInputError):
    """A dataset is absent, damaged, or differs from its settings."""


class ConstantFeaturesError(InvalidInputError):
    """All images have the same representation."""


class LayerError(InvalidInputError):
    """A layer does not exist, or has no single output."""


class InversionError(StirError, ValueError):
    """An inversion is impossible: there is no gradient, or nothing to match."""


class NondeterministicModelError(InversionError, InvalidInputError):
    """A model in eval mode gives different representations of the same image."""


class CheckpointError(StirError, ValueError):
    """A checkpoint does not match the request, or would run code."""


class ArtifactError(StirError):
    """A cached artifact is absent, altered, or does not match its name."""


class StorageError(StirError, OSError):
    """A folder is not writable: the disk is full, it is read-only, or permission is missing."""


class DeviceError(StirError):
    """A requested device is not available."""


class ConvergenceError(StirError):
    """Too few images converged for a reliable score."""


class ConvergenceWarning(UserWarning):
    """Some images did not converge; they are returned and marked."""


class StallWarning(ConvergenceWarning):
    """An inversion under way is likely to end above its tolerance for most images; it goes on."""


class PrecisionWarning(UserWarning):
    """A precision was asked for that the model or the device does not have; float32 is used instead."""


class MatchWarning(UserWarning):
    """Images match no better than other images; they are returned, but scores computed from them are not informative."""


class FewImagesWarning(UserWarning):
    """There are too few images for an interval or a null; the score is returned without them."""


LEAST_PART = 3
"""The fewest letters of a word that is looked for within others."""


def near_matches(word: str, known: "Iterable[str]") -> str:
    """Return the known words that contain ``word``, or else those that are similar, or else all of them.

    Parameters
    ----------
    word : str
        The unknown word.
    known : iterable of str
        In the order of preference, if they have an order.

    Returns
    -------
    str
        ``"Did you mean 'resnet8'?"`` or ``"Known: 'a', 'b'."``.
    """
    known = sorted(known) if isinstance(known, Set) and not isinstance(known, KeysView) else list(known)
    lowered = str(word).lower()
    within = [name for name in known if len(lowered) >= LEAST_PART and lowered in name.lower()]
    near = within[:3] or get_close_matches(str(word), known, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Known: {', '.join(map(repr, sorted(known)))}."


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn on the line outside this package that led to the warning."""
    own = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == own:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def check_known(kind: str, name: str, known: "Collection[str]") -> None:
    """Refuse an unknown name.

    Raises
    ------
    InvalidInputError
        With near matches.
    """
    if not isinstance(name, str) or name not in known:
        raise InvalidInputError(f"Unknown {kind} {name!r}. {near_matches(name, known)}")
