"""Models of timm."""

from stir.errors import InvalidInputError
from stir.models.providers.provider import Built, Provider, Request


def build(request: Request) -> Built:
    """Build a model."""
    raise InvalidInputError(f"Cannot build {request.name!r} yet.")


PROVIDER = Provider("timm", ("timm",), build, extra="timm")
