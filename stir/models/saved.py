"""Networks as files of their own: weights as safetensors, with the architecture in the file's metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from stir.errors import CheckpointError, InvalidInputError
from stir.models.architecture import STIR, TORCHVISION, Architecture
from stir.models.candidates import Missing
from stir.models.checkpoints import load_checkpoint, unloaded
from stir.models.messages import one_line
from stir.models.preprocessed import Preprocessed
from stir.models.registry import build_model
from stir.models.safetensors_files import read_header
from stir.models.weight_files import regular_file
from stir.names import shortened, shown

METADATA_KEY = "stir"
NO_ARCHITECTURE = "does not say its architecture; make it with the workflow's checkpoint stage"


def save_model(path: Path, model: nn.Module, architecture: Architecture, metadata: Mapping[str, Any]) -> None:
    """Write weights as safetensors, with the architecture and more JSON in the file's metadata.

    A head that no checkpoint had is left out, and named in the metadata under ``missing``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stir.models import Architecture, build_model, save_model, read_model
    >>> architecture = Architecture("resnet8", 8, 1, 10)
    >>> save_model(Path("model.safetensors"), build_model(architecture), architecture, {"epochs": 0})
    >>> read_model(Path("model.safetensors")).training
    False
    """
    missing = unloaded(model)
    size = {"input_size": list(model.size)} if isinstance(model, Preprocessed) and model.size else {}
    said = {"architecture": architecture.to_dict(), **size, **metadata} | ({"missing": missing} if missing else {})
    text = json.dumps(said, sort_keys=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items() if name not in missing}
    # One entry: safetensors orders several at random, and the file would differ each time.
    path.write_bytes(save(weights, metadata={METADATA_KEY: text}))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the JSON values in a safetensors file's metadata.

    Raises
    ------
    CheckpointError
        If the file is no safetensors file, or its metadata are not JSON.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stir.models import Architecture, build_model, save_model, read_metadata
    >>> architecture = Architecture("resnet8", 8, 1, 10)
    >>> save_model(Path("model.safetensors"), build_model(architecture), architecture, {"epochs": 0})
    >>> read_metadata(Path("model.safetensors"))["epochs"]
    0
    """
    try:
        with regular_file(path).open("rb") as file:
            header = read_header(file)
        return dict(json.loads(header.get("__metadata__", {}).get(METADATA_KEY, "{}")))
    except (CheckpointError, OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{shown(path)} {NO_ARCHITECTURE} ({one_line(error).rstrip('.')}).") from error


def read_model(path: Path, *, trusted: Architecture | None = None) -> nn.Module:
    """Build the network that a file of `save_model` describes, with its weights, in eval mode.

    Parameters
    ----------
    path : Path
        Of the file.
    trusted : Architecture, optional
        What it must describe. Without it only this library's and torchvision's own networks are built: a file alone never
        makes this process import another package or run a Python file.

    Raises
    ------
    CheckpointError
        If the file does not say its architecture, or another than the trusted one.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stir.models import Architecture, build_model, save_model, read_model
    >>> architecture = Architecture("resnet8", 8, 1, 10)
    >>> save_model(Path("model.safetensors"), build_model(architecture), architecture, {"epochs": 0})
    >>> len(list(read_model(Path("model.safetensors")).parameters()))
    29
    """
    metadata = read_metadata(path)
    if "architecture" not in metadata:
        raise CheckpointError(f"{shown(path)} {NO_ARCHITECTURE}.")
    model = _built(metadata["architecture"], path, trusted)
    if isinstance(model, Preprocessed):
        model.is_chosen = False  # the file carries a mean and a standard deviation, which training may have fitted
    missing: Missing = "head" if metadata.get("missing") else "nothing"
    return load_checkpoint(model, path, missing=missing).eval()


def _built(said: Any, path: Path, trusted: Architecture | None) -> nn.Module:
    """Build what a file says that it is, if it is large enough to hold the weights of that."""
    try:
        architecture = Architecture(**said)
        if trusted is not None and architecture != trusted:
            raise InvalidInputError(f"expected {shortened(trusted.to_dict())}")
        if trusted is None and (architecture.address.prefix not in (STIR, TORCHVISION) or architecture.arguments):
            raise InvalidInputError(
                "its code belongs to another package or file; pass trusted=Architecture(...), or "
                "build_model(Architecture(...)) and load_checkpoint"
            )
        width, most = architecture.width or 1, path.stat().st_size
        # The first stage alone has width squared weights.
        if max(width**2, architecture.classes or 1, architecture.channels) > most:
            raise InvalidInputError(f"it has only {most:,} bytes")
        return build_model(trusted or architecture, load=False)
    except (InvalidInputError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{shown(path)} says an architecture that cannot be its: {shortened(said)} ({one_line(error)})."
        ) from error
