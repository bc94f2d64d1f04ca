"""Any function or class that can be imported, ``package.module:callable``."""

import importlib.util
from functools import cache
from importlib.metadata import distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stir.errors import InvalidInputError
from stir.models.drawing import importing
from stir.models.providers.calling import call, callable_of
from stir.models.providers.failures import reporting
from stir.models.providers.own_files import read_own_file
from stir.models.providers.provider import Built, Provider, Request


def is_importable(module: str) -> bool:
    """Return whether a module of that dotted name can be found; its parents are imported."""
    if not all(part.isidentifier() for part in module.split(".")):
        return False
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def build(request: Request) -> Built:
    """Import a callable and call it."""
    name, _, attribute = request.name.partition(":")
    origin = _origin(name)
    with importing(), reporting(f"The module {name}", origin):
        module = importlib.import_module(name)
    return call(callable_of(module, attribute, f"the module {name}"), request, near=origin)


def _origin(name: str) -> Path | None:
    """Return the file of a module."""
    with reporting(f"The package of {name}"):
        spec = find_spec(name)
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def code_of(name: str) -> dict[str, Any]:
    """Return what identifies the code of a module: its distribution's version, or its files where they are not installed.

    Raises
    ------
    InvalidInputError
        If it is neither Python code nor part of a distribution.
    """
    origin, top = _origin(name), name.partition(".")[0]
    installed = [found for found in _distributions().get(top, []) if _holds(found, origin)]
    if installed:
        return {found: distribution(found).version for found in sorted(set(installed))}
    if origin is None:
        raise InvalidInputError(f"Expected a module with Python code; {name!r} has no file. Name the module of the callable.")
    parts = name.count(".") + (origin.name == "__init__.py")
    return {"files": dict(read_own_file(origin, root=origin.parents[parts]).digests)}


def _holds(name: str, origin: Path | None) -> bool:
    """Return whether a distribution holds a file; one that is installed as editable does not."""
    return origin is None or origin.is_relative_to(Path(str(distribution(name).locate_file(""))))


PROVIDER = Provider("callable", (), build)
