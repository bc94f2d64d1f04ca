"""What identifies the code that builds a network."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from stir.models.architecture import TORCHVISION, Architecture
from stir.models.providers import find_provider


def model_code(architecture: Architecture) -> dict[str, Any]:
    """Return what identifies the code of a network: other code, another network.

    Parameters
    ----------
    architecture : Architecture
        Of the network.

    Returns
    -------
    dict
        Distribution -> version; for Python files ``{"files": {relative name: SHA-256}}``, of the file and of what it
        imports from its own folder. Empty for this library's networks and for torchvision's initial networks, whose
        definitions are stable, so that recipes of older experiments keep their keys.

    Raises
    ------
    InvalidInputError
        If its library is not installed, or a file cannot be read.
    """
    provider, _ = find_provider(architecture.address)
    if architecture.address.prefix == TORCHVISION and not (architecture.weights or architecture.arguments):
        return {}
    return {distribution: _version(distribution) for distribution in provider.distributions}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
