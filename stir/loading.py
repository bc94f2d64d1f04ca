"""Load what `Result.save` wrote, and inversions that the workflow made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stir.errors import InvalidInputError
from stir.hdf5 import opened
from stir.inversion import Inversion
from stir.names import shown
from stir.results import Result, saved_values
from stir.shared_invariance_matrix_result import SharedInvarianceMatrix
from stir.shared_invariance_result import SharedInvariance

KINDS: Mapping[str, type[Result]] = {kind.__name__: kind for kind in (Inversion, SharedInvariance, SharedInvarianceMatrix)}
NOT_RECORDED = "not recorded"
MAX_RECIPE = 2**20
OF_THE_WORKFLOW = ("recipe", "precision_used", "curve_evaluations")
"""Attributes of the workflow's files that are read."""


def load(path: str | Path) -> Result:
    """Load a result that was saved, or inversions or scores of the workflow (``results/iris/....h5``, ``results/scores/....h5``).

    The file is not trusted: it holds numbers only, and what does not fit is refused.

    Parameters
    ----------
    path : str or Path
        An HDF5 file.

    Returns
    -------
    Inversion, SharedInvariance or SharedInvarianceMatrix
        Equal to what was saved. Scores of the workflow are a matrix with one reference model; models are named by their keys.

    Raises
    ------
    InvalidInputError
        If the file is no such file, is damaged, or was saved by a newer version of stir.

    Examples
    --------
    >>> import torch, stir
    >>> images = torch.rand(8, 1, 8, 8, generator=torch.manual_seed(0))
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2))
    >>> path = stir.invert(model, images, random_seed=0).save("inversion.h5")
    >>> type(stir.load(path)).__name__
    'Inversion'
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInputError(f"Expected a saved result at {shown(path)}; there is no file. Correct the path.")
    if (found := saved_values(path, KINDS)) is not None:
        kind, values = found
        return kind.from_file(path, values)
    stage, settings, attributes = _recipe(path)
    if stage == "score":
        return SharedInvarianceMatrix.from_file(path, {})
    if stage != "iri" or "perturbed_images" in settings:
        raise _neither(path)
    how = {name: settings.get(name) for name in ("method", "tolerance")}
    used = {"precision_used": str(attributes.get("precision_used", "float32")), "forward_pass": NOT_RECORDED}
    curve = {"curve_evaluations": np.ravel(attributes.get("curve_evaluations", ())).tolist()}
    return Inversion.from_file(path, how | used | curve)


def _recipe(path: Path) -> tuple[str, Mapping[str, Any], dict[str, Any]]:
    """Return the stage and the settings that an artifact of the workflow was made with, and the attributes of the file."""
    with opened(path) as file:
        attributes = {name: file.attrs.get(name) for name in OF_THE_WORKFLOW if name in file.attrs}
    text = attributes.get("recipe")
    try:
        recipe = json.loads(text) if isinstance(text, str) and len(text) < MAX_RECIPE else None
        stage, settings = recipe["stage"], recipe["settings"]  # type: ignore[index]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _neither(path) from None
    if not isinstance(settings, Mapping):
        raise _neither(path)
    return str(stage), settings, attributes


def _neither(path: Path) -> InvalidInputError:
    return InvalidInputError(
        f"Expected a result saved with .save(), or inversions or scores of the workflow, at {shown(path)}; it is neither. "
        "Pass such a file."
    )
