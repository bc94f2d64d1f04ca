"""Weights from a file or URL: never code, and never other weights than were asked for."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from stir.digests import sha256_of
from stir.errors import CheckpointError, InvalidInputError
from stir.models.architecture import STIR, TORCHVISION, Architecture
from stir.models.downloads import download
from stir.models.preprocessed import NETWORK, Preprocessed
from stir.models.registry import build_model
from stir.models.weight_checks import check_fit, own_values, with_what_follows, without_prefixes
from stir.models.weight_files import one_line, read_header, read_weights, regular_file, shown
from stir.names import shortened

METADATA_KEY = "stir"
NO_ARCHITECTURE = "does not say its architecture; make it with the workflow's checkpoint stage"


def fetch_checkpoint(path_or_url: str | Path, *, sha256: str | None = None) -> Path:
    """Return a local file for a path or an http(s) URL, its content checked.

    Downloads are retried, bounded in size and time, and kept in the user's cache folder. Without ``sha256``
    a URL is downloaded each time.

    Raises
    ------
    CheckpointError
        If it is absent, cannot be downloaded, or has another SHA-256.
    """
    scheme, separator, _ = str(path_or_url).partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return download(str(path_or_url), sha256)
    if separator and scheme.isalnum():
        raise CheckpointError(
            f"Expected a path or a URL of http or https; got {shown(path_or_url)}. Download it, and give the file's path."
        )
    path = regular_file(path_or_url)
    try:
        came = None if sha256 is None else sha256_of(path)
    except OSError as error:
        raise CheckpointError(f"{shown(path)} cannot be read ({one_line(error)}).") from error
    if sha256 is not None and came != sha256.lower():
        raise CheckpointError(f"Expected SHA-256 {sha256} of {shown(path)}; got {came}. It is another file, or was altered.")
    return path


def load_checkpoint(model: nn.Module, path_or_url: str | Path, *, sha256: str | None = None) -> nn.Module:
    """Load weights into a model, all of them, from a safetensors file or a torch state dict.

    Parameters
    ----------
    model : torch.nn.Module
        It is changed in place, only if every weight fits.
        For a `Preprocessed` network, weights of the network alone fit, too.
    path_or_url : str or Path
        A local path, or an http(s) URL.
    sha256 : str, optional
        Expected SHA-256 of the file, hexadecimal; checked before the file is opened.

    Returns
    -------
    torch.nn.Module
        The same model.

    Raises
    ------
    CheckpointError
        If the file is not what was asked for, would run code on loading, or its
        weights do not fit the model.

    Notes
    -----
    Prefixes that all names share (``module.``, ``_orig_mod.``, ``model.``) are dropped, if names are the model's then. A file
    may leave out ``num_batches_tracked``, and all but one name of parameters that the model ties. NaN and infinity are
    refused, but for infinity in buffers (causal masks), and for whatever the forward pass verifiably does not read.
    """
    own = own_values(model)
    path = fetch_checkpoint(path_or_url, sha256=sha256)
    weights = without_prefixes(read_weights(path), _names(model, own))
    if isinstance(model, Preprocessed):
        try:
            weights = model.completed(weights)
        except CheckpointError as error:
            raise CheckpointError(f"{shown(path)}: {error}") from error
    weights = with_what_follows(weights, own)
    check_fit(model, weights, path)
    try:
        # What was made under inference_mode can be changed there alone.
        with torch.inference_mode() if any(value.is_inference() for value in own.values()) else contextlib.nullcontext():
            model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"The model does not take the weights in {shown(path)} ({one_line(error)}).") from error
    return model


def _names(model: nn.Module, own: Mapping[str, Tensor]) -> set[str]:
    """Return the names that weights may have."""
    return {*own, *(name.removeprefix(NETWORK) for name in own if isinstance(model, Preprocessed))}


def save_model(path: Path, model: nn.Module, architecture: Architecture, metadata: Mapping[str, Any]) -> None:
    """Write weights as safetensors, with the architecture and more JSON in the file's metadata."""
    size = {"input_size": list(model.size)} if isinstance(model, Preprocessed) and model.size else {}
    text = json.dumps({"architecture": architecture.to_dict(), **size, **metadata}, sort_keys=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    # One entry: safetensors orders several at random, and the file would differ each time.
    path.write_bytes(save(weights, metadata={METADATA_KEY: text}))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the JSON values in a safetensors file's metadata.

    Raises
    ------
    CheckpointError
        If the file is no safetensors file, or its metadata are not JSON.
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
    """
    metadata = read_metadata(path)
    if "architecture" not in metadata:
        raise CheckpointError(f"{shown(path)} {NO_ARCHITECTURE}.")
    model = _built(metadata["architecture"], path, trusted)
    if isinstance(model, Preprocessed):
        model.is_chosen = False  # the file carries a mean and a standard deviation, which training may have fitted
    return load_checkpoint(model, path).eval()


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
