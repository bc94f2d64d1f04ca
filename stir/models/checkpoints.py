"""Weights from a file or URL: never code, and never other weights than were asked for."""

import contextlib
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from stir.errors import CheckpointError
from stir.models.candidates import Missing
from stir.models.downloads import download
from stir.models.messages import one_line
from stir.models.own_names import own_values, with_what_follows
from stir.models.released import weights_of
from stir.models.shards import sha256_of_parts
from stir.models.weight_checks import check_fit
from stir.models.weight_files import naming, open_weights, regular_file
from stir.names import shown

METADATA_KEY = "stir"
NO_ARCHITECTURE = "does not say its architecture; make it with the workflow's checkpoint stage"


def check_source(path_or_url: str | Path) -> bool:
    """Return whether a checkpoint is one of the web.

    Raises
    ------
    CheckpointError
        If it is a URL that is neither of http nor of https.
    """
    scheme, separator, _ = str(path_or_url).partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return True
    if separator and scheme.isalnum():
        raise CheckpointError(
            f"Expected a path or a URL of http or https; got {shown(path_or_url)}. Download it, and give the file's path."
        )
    return False


def fetch_checkpoint(path_or_url: str | Path, *, sha256: str | None = None) -> Path:
    """Return a local file or folder for a path or an http(s) URL, its content checked.

    Downloads are retried, bounded in size and time, and kept in the user's cache folder. Without ``sha256``
    a URL is downloaded each time.

    Raises
    ------
    CheckpointError
        If it is absent, cannot be downloaded, or has another SHA-256.
    """
    expected = None if sha256 is None else sha256.lower()
    if check_source(path_or_url):
        return download(str(path_or_url), expected)
    with naming(Path(path_or_url)):
        path = Path(path_or_url).expanduser() if _is_folder(path_or_url) else regular_file(path_or_url)
        came = None if expected is None else sha256_of_parts(path)
    if came != expected:
        raise CheckpointError(f"Expected SHA-256 {sha256} of {shown(path)}; got {came}. It is another file, or was altered.")
    return path


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):  # a name of 300 characters, no such user, NUL
        return False


def load_checkpoint(
    model: nn.Module,
    path_or_url: str | Path,
    *,
    sha256: str | None = None,
    entry: str | None = None,
    missing: Missing = "nothing",
    progress: bool = False,
) -> nn.Module:
    """Load weights into a model, all of them, from a checkpoint as it was released.

    Parameters
    ----------
    model : torch.nn.Module
        It is changed in place, only if every weight fits.
        For a `Preprocessed` network, weights of the network alone fit, too.
    path_or_url : str or Path
        A local path, or an http(s) URL: safetensors, a file of torch.save, an npz file, a tar archive that holds one of these,
        or an index or folder of shards.
    sha256 : str, optional
        Expected SHA-256 of the file, hexadecimal; checked before the file is opened.
        Of shards: that of the list that `stir.models.shards.sha256_of_parts` describes.
    entry : str, optional
        Which weights are meant, if the file has several: a key (``"state_dict_ema"``), or several keys and a beginning of
        names with dots between (``"teacher.backbone"``).
    missing : {"nothing", "head"}
        What the file may lack. ``"head"``: the last weights of the model, as in a file of a backbone. They become NaN, so
        that whatever reads them is refused, and layers before them are as if they were there.
    progress : bool
        Whether to print what the file was taken for.

    Returns
    -------
    torch.nn.Module
        The same model.

    Raises
    ------
    CheckpointError
        If the file is not what was asked for, holds several sets of weights that fit, or none.

    Notes
    -----
    No code of the file's is run: of a pickle, tensors are read, and other objects are not made. Keys and prefixes before the
    model's names are found, in any nesting (``state_dict``, ``module.``, ``model.``, ``_orig_mod.``). A file may leave out
    what the model makes itself (counts of batches, indices, masks), and all but one name of parameters that the model ties.
    A mean and standard deviation of pixels become those of the model's ``normalise``. NaN and infinity are refused, but for
    infinity in buffers (causal masks), and for whatever the forward pass verifiably does not read.

    Examples
    --------
    The names of the weights may lie behind a key and a prefix:

    >>> import torch, stir
    >>> model = torch.nn.Linear(4, 2)
    >>> released = {"state_dict": {"module.weight": torch.ones(2, 4), "module.bias": torch.zeros(2)}, "epoch": 90}
    >>> torch.save(released, "released.pt")
    >>> stir.load_checkpoint(model, "released.pt").weight.sum().item()
    8.0
    """
    own = own_values(model)
    path = fetch_checkpoint(path_or_url, sha256=sha256)
    with naming(path), contextlib.ExitStack() as stack:
        released = weights_of(model, open_weights(path, stack), entry=entry, missing=missing)
    weights = with_what_follows(released.weights, {name: value for name, value in own.items() if name not in released.missing})
    check_fit(model, weights, path)
    weights |= {name: torch.full_like(own[name], torch.nan) for name in released.missing}
    try:
        # What was made under inference_mode can be changed there alone.
        with torch.inference_mode() if any(value.is_inference() for value in own.values()) else contextlib.nullcontext():
            model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"The model does not take the weights in {shown(path)} ({one_line(error)}).") from error
    if progress:
        print(f"{shown(path)}: {released.recognised}.", file=sys.stderr)
    return model


def unloaded(model: nn.Module) -> list[str]:
    """Return the names of weights that no checkpoint had: those that `load_checkpoint` made NaN."""
    return [
        name
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor) and value.is_floating_point() and value.numel() and bool(value.isnan().all())
    ]
