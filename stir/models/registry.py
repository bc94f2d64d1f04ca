"""Networks by their architecture: who builds them is looked up by address, preprocessing is put in front."""

import threading
from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from stir.checks import check_random_seed
from stir.errors import InvalidInputError, check_known
from stir.models.addresses import near_addresses
from stir.models.architecture import BARE, NO_RESIZE, STIR, TORCHVISION, Architecture
from stir.models.drawing import drawing_from
from stir.models.making import Making
from stir.models.normalise import NORMALISATIONS, PUBLISHED, Normalise
from stir.models.preprocessed import Preprocessed, Resize
from stir.models.providers import find_provider, using
from stir.models.providers.provider import Built, Request
from stir.models.providers.stir_models import SMALL_IMAGE_ARCHITECTURES
from stir.models.providers.torchvision_models import names as torchvision_names
from stir.names import shortened

COLOURS = 3
"""Channels of what torchvision's networks take."""


MOST_SIDE = 8192
"""Of images that are resized, in pixels."""


class _Architectures(Collection[str]):
    """Names without a prefix: this library's, then torchvision's, which is imported only if it is asked for one of its own."""

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and name.startswith(BARE):
            return name.removeprefix(BARE) in torchvision_names()
        return name in SMALL_IMAGE_ARCHITECTURES

    def __iter__(self) -> Iterator[str]:
        yield from (*SMALL_IMAGE_ARCHITECTURES, *(BARE + name for name in torchvision_names()))

    def __len__(self) -> int:
        return len(SMALL_IMAGE_ARCHITECTURES) + len(torchvision_names())


ARCHITECTURES: Collection[str] = _Architectures()


_BUILDING = threading.RLock()
"""Threads draw weights one after the other: there is one global generator. A callable may build models, too."""


def check_architecture(architecture: Architecture) -> None:
    """Refuse what no network can be built from, as far as that is known without building it.

    Raises
    ------
    InvalidInputError
        If the name is unknown (with near matches), or width, channels, normalisation or size do not go with it.

    Examples
    --------
    >>> from stir.models import Architecture, check_architecture
    >>> check_architecture(Architecture("resnet8", width=0, classes=10))
    Traceback (most recent call last):
        ...
    stir.errors.InvalidInputError: Expected a width >= 1 for architecture 'resnet8'; got 0. It is the first stage's.
    """
    name, prefix = architecture.name, architecture.address.prefix
    if prefix in (STIR, TORCHVISION):
        _check_bare(name)
    find_provider(architecture.address)
    _check_resize(architecture.resize)
    if prefix == STIR:
        return _check_own(architecture)
    if architecture.width is not None:
        raise InvalidInputError(
            f"Expected no width for architecture {name!r}, which has a width of its own; got {architecture.width}."
        )
    if prefix == TORCHVISION and architecture.channels != COLOURS:
        raise InvalidInputError(
            f"Expected images of {COLOURS} channels for architecture {name!r}; got {architecture.channels}. "
            "Take an architecture without 'torchvision.', or colour images."
        )
    return _check_normalisation(architecture.normalisation, architecture.channels)


def _check_bare(name: str) -> None:
    """Refuse a name without a prefix that nothing has; of other libraries' models, say the address."""
    if name in ARCHITECTURES:
        return
    if BARE + name in ARCHITECTURES:
        raise InvalidInputError(f"Unknown architecture {name!r}. Torchvision's is named {BARE + name!r}.")
    near = [] if name.startswith(BARE) else near_addresses(name)
    if any(not address.startswith(f"{STIR}:") and address.partition(":")[2] in name for address in near):
        raise InvalidInputError(f"Unknown architecture {name!r}. Did you mean {' or '.join(map(repr, near))}?")
    check_known("architecture", name, ARCHITECTURES)


def _check_own(architecture: Architecture) -> None:
    if architecture.width is None or architecture.width < 1:
        raise InvalidInputError(
            f"Expected a width >= 1 for architecture {architecture.name!r}; got {architecture.width}. It is the first stage's."
        )
    if architecture.normalisation != PUBLISHED:
        raise InvalidInputError(
            f"Expected no normalisation for architecture {architecture.name!r}, whose weights carry it; got "
            f"{shortened(architecture.normalisation)}. Leave it out."
        )


def _check_normalisation(normalisation: Any, channels: int) -> None:
    if isinstance(normalisation, str):
        return check_known("normalisation", normalisation, (PUBLISHED, *NORMALISATIONS))
    good = isinstance(normalisation, tuple) and [len(each) for each in normalisation] == [channels] * 2
    if not (good and _all_within(normalisation[0], 0.0) and _all_within(normalisation[1], 1e-6)):
        raise InvalidInputError(
            f"Expected a normalisation of {PUBLISHED}, {', '.join(NORMALISATIONS)}, or a mean and a std of {channels} numbers "
            f"each, of pixels in [0, 1]; got {shortened(normalisation)}. Divide by 255 what is of pixels in [0, 255]."
        )
    return None


def _all_within(numbers: tuple[Any, ...], least: float) -> bool:
    return all(isinstance(number, int | float) and least <= number <= 1 for number in numbers)


def _check_resize(resize: Any) -> None:
    sides = resize if isinstance(resize, tuple) else ()
    if resize is None or resize == NO_RESIZE or (len(sides) == 2 and all(_is_side(side) for side in sides)):
        return
    raise InvalidInputError(
        f"Expected resize as [height, width], each of 1 to {MOST_SIDE} pixels, or 'none'; got {shortened(resize)}. Correct it."
    )


def _is_side(side: Any) -> bool:
    return type(side) is int and 0 < side <= MOST_SIDE


def build_model(architecture: Architecture, *, random_seed: int = 0, load: bool = True) -> nn.Sequential:
    """Build a network with initial weights that ``random_seed`` determines, or with published weights, behind its preprocessing.

    The global random state is as before.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    random_seed : int
        Of the initial weights.
    load : bool
        Whether published weights that the architecture names are loaded; without, their normalisation and size still count.

    Returns
    -------
    torch.nn.Sequential
        It takes images in [0, 1]: `Preprocessed`, except for this library's own networks, which have their
        normalisation inside.

    Raises
    ------
    InvalidInputError
        If the architecture is unknown (with near matches), its parts do not go together, its library is not installed, or
        its published weights cannot be had.

    Examples
    --------
    >>> import torch
    >>> from stir.models import Architecture, build_model
    >>> model = build_model(Architecture("resnet8", width=8, channels=1, classes=10), random_seed=0)
    >>> model(torch.rand(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    check_random_seed(random_seed)
    with _BUILDING, drawing_from(random_seed):
        return build_on("cpu", architecture, load=load)


def build_on(device: str, architecture: Architecture, *, load: bool = False) -> nn.Sequential:
    """Build a network on a device, in float32, whatever the defaults are; the global generator draws its weights."""
    check_architecture(architecture)
    provider, name = find_provider(architecture.address)
    request = Request(
        name,
        architecture.arguments,
        architecture.classes,
        architecture.weights,
        architecture.channels,
        architecture.width,
        architecture.folder,
        load,
    )
    with Making(device):
        with using(provider, architecture.name):
            built = provider.build(request)
        if architecture.address.prefix == STIR:
            return _resized(built, architecture.resize)
        return _preprocessed(built, architecture)


def _resized(built: Built, resize: Any) -> nn.Sequential:
    """Put resizing in front of a network of this library, which has its normalisation inside."""
    assert isinstance(built.network, nn.Sequential)
    if isinstance(resize, tuple):
        built.network._modules = {"resize": Resize(*resize), **built.network._modules}
    return built.network


def _preprocessed(built: Built, architecture: Architecture) -> Preprocessed:
    resize = built.size if architecture.resize is None else architecture.resize
    model = Preprocessed(
        built.network.float(),
        _normalise(built, architecture),
        size=None if resize == NO_RESIZE else resize,
        own_weights=built.own_weights,
    )
    model.is_chosen = architecture.normalisation != PUBLISHED
    return model


def _normalise(built: Built, architecture: Architecture) -> Normalise:
    """Return the normalisation that was chosen, else what the metadata state, else none."""
    chosen = architecture.normalisation
    if chosen != PUBLISHED and built.normalises_itself and chosen != "none":
        raise InvalidInputError(
            f"Expected no normalisation for {architecture.name!r}, whose network normalises by itself; got {shortened(chosen)}. "
            "Leave it out."
        )
    if chosen == "none" or (chosen == PUBLISHED and (built.mean is None or built.std is None)):
        return Normalise(architecture.channels)
    stated: Any = (built.mean, built.std) if chosen == PUBLISHED else NORMALISATIONS.get(chosen, chosen)
    mean, std = stated
    if len(mean) != architecture.channels:
        raise InvalidInputError(
            f"Expected images of {len(mean)} channels for {architecture.name!r}, whose normalisation has so many; got "
            f"{architecture.channels}. Give normalisation: none, or a mean and a std per channel."
        )
    return Normalise(mean=mean, std=std)
