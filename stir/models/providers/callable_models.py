"""Any function or class that can be imported, ``package.module:callable``."""

import importlib.util
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stir.errors import InvalidInputError
from stir.models.drawing import importing
from stir.models.providers.calling import call, callable_of
from stir.models.providers.failures import reporting
from stir.models.providers.own_files import read_own_file
from stir.models.providers.provider import Built, Provider, Request
from stir.names import shortened

DISTRIBUTION = "stir-workflow"
INSTALLERS = frozenset(("pip", "setuptools", "wheel"))


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
    found = callable_of(module, attribute, f"the module {name}")
    _check_makes_networks(request.name, found)
    return call(found, request, near=origin)


def _check_makes_networks(name: str, found: Any) -> None:
    """Refuse functions of packages that this project brings along: ``torch:save`` would write where an argument says."""
    from torch import nn

    if isinstance(found, type) and issubclass(found, nn.Module):
        return
    defined_in = str(getattr(found, "__module__", ""))
    tops = {module.partition(":")[0].partition(".")[0] for module in (name, defined_in)}
    came = {top for top in tops if top in sys.stdlib_module_names or _brought_along() & {*_distributions().get(top, [])}}
    if came:
        raise InvalidInputError(
            f"Expected a class of networks of {min(came)!r}, which comes with this project; got {shortened(name)}. Name "
            "such a class, the address of a library (timm:NAME), or a function of a Python file of your own."
        )


@cache
def _brought_along() -> frozenset[str]:
    """Return the distributions that this one requires, and those that they require, with its extras; and installers."""
    waiting, found = [DISTRIBUTION], set(INSTALLERS)
    while waiting:
        name = waiting.pop()
        try:
            required = [_name_of(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        waiting += set(required) - found
        found |= {distribution(name).metadata["Name"], *required}
    return frozenset(found)


def _name_of(requirement: str) -> str:
    """Return the name of a distribution as it calls itself, or as a requirement does where it is not installed."""
    name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
    try:
        return str(distribution(name).metadata["Name"])
    except PackageNotFoundError:
        return name


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
