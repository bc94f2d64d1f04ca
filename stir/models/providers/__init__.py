"""Libraries that build models, by the prefix that addresses begin with: one module per library.

Others add theirs by an entry point of the group ``stir.model_providers`` that leads to a `Provider`.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points

from stir.errors import InvalidInputError, near_matches
from stir.models.architecture import FILE, Address
from stir.models.providers.failures import described, reporting
from stir.models.providers.provider import Built, Provider, Request
from stir.names import shortened

GROUP = "stir.model_providers"
CALLABLE = "callable"
OWN = ("stir", "torchvision", "timm", "transformers", "robustbench", "open_clip", "efficientnet_lite", FILE, CALLABLE)
"""Each in a module ``PREFIX_models`` of this package, which imports its library only when it builds or lists."""


@cache
def _own(prefix: str) -> Provider:
    return importlib.import_module(f"{__name__}.{prefix}_models").PROVIDER


@cache
def _others() -> Mapping[str, Provider]:
    """Return the providers that other distributions bring; none takes the place of one of ours."""
    found = {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in OWN}
    return {name: _loaded(name, entry) for name, entry in found.items()}


def _loaded(name: str, entry: object) -> Provider:
    provider = entry.load()  # type: ignore[attr-defined]
    if not isinstance(provider, Provider):
        raise InvalidInputError(
            f"Expected the entry point {name!r} of {GROUP} to lead to a stir.models.providers.Provider; got "
            f"{shortened(provider)}. Uninstall or repair its distribution."
        )
    return provider


def prefixes() -> list[str]:
    """Return the prefixes that addresses can begin with."""
    return [prefix for prefix in OWN if prefix not in (FILE, CALLABLE)] + list(_others())


def provider_of_prefix(prefix: str) -> Provider:
    """Return the provider of one of `prefixes`."""
    return _own(prefix) if prefix in OWN else _others()[prefix]


def find_provider(address: Address) -> tuple[Provider, str]:
    """Return who builds the network of an address, and what it is called there.

    Raises
    ------
    InvalidInputError
        If nobody does: with near matches of prefixes.
    """
    if address.prefix == FILE or address.prefix in prefixes():
        return provider_of_prefix(address.prefix), address.name
    from stir.models.providers.callable_models import is_importable

    if is_importable(address.prefix):
        return _own(CALLABLE), f"{address.prefix}:{address.name}"
    whole = shortened(f"{address.prefix}:{address.name}")
    raise InvalidInputError(
        f"Unknown prefix of model {whole}, and no module is called so. {near_matches(address.prefix, prefixes())}"
    )


@contextmanager
def using(provider: Provider, name: str) -> Iterator[None]:
    """Say of a library that is not installed how to install it, and of whatever else it raises what for.

    Raises
    ------
    InvalidInputError
        Naming the model.
    """
    with reporting(f"The library of model {name!r}", remedy="Correct the arguments, or name another model."):
        try:
            yield
        except ImportError as error:
            if provider.extra is None:
                raise
            raise InvalidInputError(
                f"Expected {' and '.join(provider.distributions)} to be installed for model {name!r}; got {described(error)}. "
                f"Install it: pip install 'stir-workflow[{provider.extra}]'."
            ) from error


__all__ = ["GROUP", "Built", "Provider", "Request", "find_provider", "prefixes", "provider_of_prefix", "using"]
