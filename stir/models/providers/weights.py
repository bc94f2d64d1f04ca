"""Published weights: from the library's own cache, else from the network, else a message that says where to put them."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import DEFAULT_WEIGHTS, Request
from stir.names import printable, shortened

Result = TypeVar("Result")
HUB = "https://huggingface.co"


@contextmanager
def fetching(
    weights: str, address: str, place: object, remedy: str = "or give the file as checkpoint in place of weights"
) -> Iterator[None]:
    """Say of a failure where a file belongs.

    Parameters
    ----------
    weights : str
        Their name and that of their network.
    address : str
        Where they are published.
    place : object
        Where the library looks for them first.
    remedy : str
        What else can be done.

    Raises
    ------
    InvalidInputError
        Whatever fails inside; an error of this package as it is.
    """
    try:
        yield
    except InvalidInputError:
        raise
    except Exception as error:  # each library and each way of being cut off has errors of its own
        reason = printable(str(error).strip().split("\n")[0][:200]) or type(error).__name__
        raise InvalidInputError(
            f"Expected {weights} in {place}, or a connection to fetch them; got {type(error).__name__}: {reason.rstrip('.')}. "
            f"Put there what {address} has, {remedy}."
        ) from error


def cached_first(load: Callable[[], Result]) -> Result:
    """Load from Hugging Face's cache alone, and from its hub only if something is missing there."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        return load()
    except Exception:
        if before:
            raise
    finally:
        constants.HF_HUB_OFFLINE = before
    return load()


def hub_cache(repository: str) -> Path:
    """Return the folder of a repository in Hugging Face's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def check_classes(request: Request, published: int | None) -> None:
    """Refuse published weights for another number of classes, which a classifier of initial weights would have to tell.

    Raises
    ------
    InvalidInputError
        With both numbers.
    """
    if request.weights is not None and published is not None and request.classes not in (None, published):
        raise InvalidInputError(
            f"Expected {published} classes, as the weights {request.weights!r} of {request.name!r} tell apart; got "
            f"{request.classes}. Leave out classes, or weights."
        )


def check_weights(request: Request, library: str, known: Collection[str], *, default: bool) -> None:
    """Refuse weights that a library does not publish for a network.

    Raises
    ------
    InvalidInputError
        With near matches; or that a default is asked for where there is none.
    """
    if request.weights is None or (default and request.weights == DEFAULT_WEIGHTS):
        return
    possessive = f"{library}'" if library.endswith("s") else f"{library}'s"
    what = f"weights of {possessive} {request.name}"
    if request.weights == DEFAULT_WEIGHTS or not known:
        choices = f"Name one of {', '.join(sorted(known)[:8])}." if known else "None are published: give a checkpoint."
        raise InvalidInputError(f"Expected {what} by name; got {shortened(request.weights)}. {choices}")
    check_known(what, request.weights, known)


def refuse_reserved(request: Request, reserved: Collection[str]) -> None:
    """Refuse arguments that other keys decide on.

    Raises
    ------
    InvalidInputError
        Naming them.
    """
    if clash := sorted(set(request.arguments) & set(reserved)):
        raise InvalidInputError(
            f"Expected no argument {', '.join(map(repr, clash))} for {request.name!r}, since the keys weights, checkpoint, "
            "classes and channels decide on it. Leave it out."
        )
