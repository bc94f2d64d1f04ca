"""Models of efficientnet_lite."""

from stir.errors import InvalidInputError
from stir.models.providers.provider import Built, Provider, Request


def build(request: Request) -> Built:
    """Build a model."""
    raise InvalidInputError(f"Cannot build {request.name!r} yet.")


PROVIDER = Provider("efficientnet_lite", ("efficientnet-lite-pytorch",), build, extra="efficientnet_lite")
