"""Any function or class that can be imported, ``package.module:callable``."""

import importlib.util

from stir.errors import InvalidInputError
from stir.models.providers.provider import Built, Provider, Request


def is_importable(module: str) -> bool:
    """Return whether a module of that dotted name can be found; its parents are imported."""
    if not all(part.isidentifier() for part in module.split(".")):
        return False
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def build(request: Request) -> Built:
    """Import a callable and call it."""
    raise InvalidInputError(f"Cannot build {request.name!r} yet.")


PROVIDER = Provider("callable", (), build)
