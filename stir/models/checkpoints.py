"""Weights from a file or URL: never code, and never other weights than were asked for."""

import json
import pickle
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pooch
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from stir.artifacts import sha256_of
from stir.errors import CheckpointError, near_matches
from stir.models.registry import Architecture, build_model
from stir.models.torchvision_classifiers import TorchvisionClassifier

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
METADATA_KEY = "stir"
NO_ARCHITECTURE = "does not say its architecture; make it with the workflow's checkpoint stage"
PREFIXES = ("module.", "_orig_mod.")


def fetch_checkpoint(path_or_url: str | Path, *, sha256: str | None = None) -> Path:
    """Return a local file for a path or an http(s) URL, its content checked.

    Downloads are retried, and kept in the user's cache folder. Without ``sha256``
    a URL is downloaded anew each time.

    Raises
    ------
    CheckpointError
        If it is absent, cannot be downloaded, or has another SHA-256.
    """
    if urlparse(str(path_or_url)).scheme in ("http", "https"):
        return _download(str(path_or_url), sha256)
    path = Path(path_or_url).expanduser()
    if not path.is_file():
        raise CheckpointError(f"Expected a checkpoint file at {path}; there is none.")
    if sha256 is not None and (came := sha256_of(path)) != sha256.lower():
        raise CheckpointError(f"Expected SHA-256 {sha256} of {path}; got {came}. It is another file, or was altered.")
    return path


def _download(url: str, sha256: str | None) -> Path:
    cache = Path(pooch.os_cache("stir"))
    name = f"{(sha256 or 'unchecked')[:16]}-{Path(urlparse(url).path).name}"
    if sha256 is None:
        (cache / name).unlink(missing_ok=True)
    downloader = pooch.create(cache, base_url="", registry={name: sha256}, urls={name: url}, retry_if_failed=3)
    try:
        return Path(downloader.fetch(name))
    except (ValueError, OSError) as error:
        (cache / name).unlink(missing_ok=True)
        raise CheckpointError(f"Cannot get the checkpoint from {url}: {error}") from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file or a torch state dict, weights only.

    Raises
    ------
    CheckpointError
        If the file is neither, or would run code on loading.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        not_safetensors = error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken pickle raises is anyone's guess
        reason = str(error).split("\n")[0][:200]
        if isinstance(error, pickle.UnpicklingError):
            raise CheckpointError(
                f"{path} is not a plain state dict: loading it would run code, so it is refused ({reason}). "
                "Save model.state_dict() where the file comes from, best as safetensors."
            ) from error
        raise CheckpointError(
            f"{path} is neither safetensors ({not_safetensors}) nor a torch state dict ({reason}): "
            "cut, or something else. Get it anew, and compare its SHA-256."
        ) from error
    return _unwrapped(content, path)


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(
            f"Expected a state dict (name -> tensor) in {path}, or one under {', '.join(WRAPPERS)}; got {type(content).__name__}."
        )
    return dict(content)


def _without_prefixes(weights: dict[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """Drop what data-parallel and compiled models put before all names, until they are ``names``."""
    for prefix in PREFIXES:
        if weights.keys() != set(names) and weights and all(name.startswith(prefix) for name in weights):
            return _without_prefixes({name.removeprefix(prefix): value for name, value in weights.items()}, names)
    return weights


def load_checkpoint(model: nn.Module, path_or_url: str | Path, *, sha256: str | None = None) -> nn.Module:
    """Load weights into a model, all of them, from a safetensors file or a torch state dict.

    Parameters
    ----------
    model : torch.nn.Module
        It is changed in place, only if every weight fits.
        For a classifier of torchvision, weights of torchvision's own network fit, too.
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
    """
    path = fetch_checkpoint(path_or_url, sha256=sha256)
    weights = read_weights(path)
    weights = _without_prefixes(weights, model.state_dict())
    if isinstance(model, TorchvisionClassifier):
        weights = model.completed(weights)
    _check_fit(model, weights, path)
    model.load_state_dict(weights)
    return model


def _check_fit(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    own = model.state_dict()
    missing = [name for name in own if name not in weights]
    surplus = [name for name in weights if name not in own]
    if missing or surplus:
        name = (missing or surplus)[0]
        raise CheckpointError(
            f"The weights in {path} are not this model's: {len(missing)} missing, {len(surplus)} unexpected, "
            f"for example {name!r}. {near_matches(name, surplus if missing else own)}"
        )
    for name, value in own.items():
        if weights[name].shape != value.shape:
            raise CheckpointError(
                f"Expected {name!r} of shape {tuple(value.shape)}; got {tuple(weights[name].shape)} in {path}. "
                "Build the model with the checkpoint's width and classes."
            )
        if not torch.isfinite(weights[name].double()).all():
            raise CheckpointError(f"{name!r} in {path} has NaN or infinity. The training diverged; use another checkpoint.")


def save_model(path: Path, model: nn.Module, architecture: Architecture, metadata: Mapping[str, Any]) -> None:
    """Write weights as safetensors, with the architecture and more JSON in the file's metadata."""
    text = json.dumps({"architecture": architecture.to_dict(), **metadata}, sort_keys=True)
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
        with safe_open(path, "pt") as file:
            return dict(json.loads((file.metadata() or {}).get(METADATA_KEY, "{}")))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} {NO_ARCHITECTURE} ({error}).") from error


def read_model(path: Path) -> nn.Module:
    """Build the network that a file of `save_model` describes, with its weights, in eval mode.

    Raises
    ------
    CheckpointError
        If the file does not say its architecture.
    """
    metadata = read_metadata(path)
    if "architecture" not in metadata:
        raise CheckpointError(f"{path} {NO_ARCHITECTURE}.")
    return load_checkpoint(build_model(Architecture(**metadata["architecture"])), path).eval()
