"""A function or class in a Python file, ``file.py:callable``: only files that somebody names are run."""

from stir.errors import InvalidInputError
from stir.models.providers.provider import Built, Provider, Request


def build(request: Request) -> Built:
    """Run the file and call its callable."""
    raise InvalidInputError(f"Cannot build {request.name!r} yet.")


PROVIDER = Provider("file", (), build)
