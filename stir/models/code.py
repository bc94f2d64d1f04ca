"""What identifies the code that builds a network."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from stir.models.architecture import TORCHVISION, Architecture
from stir.models.providers import find_provider
from stir.models.providers.callable_models import code_of
from stir.models.providers.file_models import own_file


def model_code(architecture: Architecture) -> dict[str, Any]:
    """Return what identifies the code of a network: other code, another network. Nothing of it is run.

    Parameters
    ----------
    architecture : Architecture
        Of the network.

    Returns
    -------
    dict
        Distribution -> version; for Python files, and for modules that are not installed as a distribution,
        ``{"files": {relative name: SHA-256}}`` of the file and of what it imports from its own folder. Empty for this
        library's networks, whose code the version of a stage stands for, and for torchvision's as experiments could always
        name them, so that recipes keep their keys.

    Raises
    ------
    InvalidInputError
        If nobody builds the network, or a file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stir.models import Architecture, model_code
    >>> _ = Path("mine.py").write_text("from torch.nn import Flatten as make_net")
    >>> code = model_code(Architecture("mine.py:make_net", folder=Path.cwd()))
    >>> {name: len(sha256) for name, sha256 in code["files"].items()}
    {'mine.py': 64}
    >>> model_code(Architecture("resnet18", 64))
    {}
    """
    provider, name = find_provider(architecture.address)
    if provider.prefix == "file":
        return {"files": dict(own_file(name, architecture.folder).digests)}
    if provider.prefix == "callable":
        return code_of(name.partition(":")[0])
    if provider.prefix == TORCHVISION and not (architecture.weights or architecture.arguments):
        return {}
    return {distribution: _version(distribution) for distribution in provider.distributions}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
