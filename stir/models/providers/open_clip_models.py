"""Models of open_clip."""

from stir.errors import InvalidInputError
from stir.models.providers.provider import Built, Provider, Request


def build(request: Request) -> Built:
    """Build a model."""
    raise InvalidInputError(f"Cannot build {request.name!r} yet.")


PROVIDER = Provider("open_clip", ("open-clip-torch",), build, extra="open_clip")
