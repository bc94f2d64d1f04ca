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

KINDS: Mapping[str, type[Result]] = {"Inversion": Inversion}
NOT_RECORDED = "not recorded"
MAX_RECIPE = 2**20


def load(path: str | Path) -> Result:
    """Load a result that was saved, or an inversion of the workflow (``results/iris/....h5``).

    The file is not trusted: it holds numbers only, and what does not fit is refused.

    Parameters
    ----------
    path : str or Path
        An HDF5 file.

    Returns
    -------
    Inversion or SharedInvariance
        Equal to what was saved.

    Raises
    ------
    InvalidInputError
        If the file is no such file, is damaged, or was saved by a newer version of stir.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInputError(f"Expected a saved result at {shown(path)}; there is no file. Correct the path.")
    if (found := saved_values(path, KINDS)) is not None:
        kind, values = found
        return kind.from_file(path, values)
    return Inversion.from_file(path, _values_of_the_workflow(path))


def _values_of_the_workflow(path: Path) -> dict[str, Any]:
    """Return the plain values of an artifact of the stage ``iri``."""
    with opened(path) as file:
        text, precision = file.attrs.get("recipe"), file.attrs.get("precision_used", "float32")
        curve_evaluations = np.ravel(file.attrs.get("curve_evaluations", ())).tolist()
    try:
        recipe = json.loads(text) if isinstance(text, str) and len(text) < MAX_RECIPE else None
        settings = recipe["settings"] if recipe["stage"] == "iri" else None  # type: ignore[index]
        method, tolerance = str(settings["method"]), float(settings["tolerance"])  # type: ignore[index]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidInputError(
            f"Expected a result that was saved with .save(), or an inversion of the workflow, at {shown(path)}; it is neither."
        ) from None
    found = {"method": method, "tolerance": tolerance, "precision_used": str(precision), "forward_pass": NOT_RECORDED}
    return found | {"curve_evaluations": curve_evaluations}
