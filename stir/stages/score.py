"""Stage score: STIR and plain S_rep of one reference model against every target model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.stages.job import Job

if TYPE_CHECKING:
    import numpy as np

VERSION = 2
LEAST_IMAGES = 4


def make(job: Job) -> None:
    """Score from cached representations; refuse inversions of which too few images converged."""
    import pandas as pd

    from stir.artifacts import sealing
    from stir.hdf5 import read_arrays
    from stir.stages.matches import read_matches, require_convergence

    job.torch_device()
    matches = read_matches(job.inputs["iris"])
    require_convergence(matches, job.settings["minimum_converged_fraction"])
    reference = job.one("reference")
    converged = [read_arrays(path, "converged")[0] for path in job.inputs["iris"]]
    inverted = list(zip(matches, converged, strict=True))
    rows = [row for target in job.inputs["representations"] for row in _rows(job.settings, reference, target, inverted)]
    with sealing(job.output, job.recipe) as path:
        path.write_text(pd.DataFrame(rows).to_csv(index=False), encoding="utf-8")


def _rows(
    settings: dict[str, Any], reference: Path, target: Path, inverted: "list[tuple[dict[str, Any], np.ndarray]]"
) -> list[dict[str, Any]]:
    from stir.hdf5 import read_recipe
    from stir.score import score

    names = {"reference_checkpoint": read_recipe(reference), "target_checkpoint": read_recipe(target)}
    keys = {name: recipe.inputs["checkpoint"] for name, recipe in names.items()}
    rows = []
    for match, converged in inverted:
        arrays = _representations(reference, target, match)
        for measure in settings["similarity_measures"]:
            scored = score(**arrays, similarity_measure=measure)
            found = {
                "similarity_measure": measure,
                "stir": scored.stir,
                "stir_converged": _stir_of_converged(arrays, converged, measure, scored.stir),
                "similarity": scored.similarity,
            }
            layers = {"reference_layer": match["layer"], "target_layer": match["layer"]}
            rows.append(keys | layers | found | {name: value for name, value in match.items() if name != "layer"})
    return rows


def _stir_of_converged(arrays: "dict[str, Any]", converged: "np.ndarray", measure: str, of_all: float) -> float:
    """Score the converged images alone; NaN where they are too few."""
    import torch

    from stir.score import score

    if converged.all():
        return of_all
    if converged.sum() < LEAST_IMAGES:
        return float("nan")
    rows = torch.from_numpy(converged)
    return score(**{role: array[rows] for role, array in arrays.items()}, similarity_measure=measure).stir


def _representations(reference: Path, target: Path, match: Mapping[str, Any]) -> "dict[str, Any]":
    import torch

    from stir.hdf5 import read_arrays

    layer = match["layer"]
    at_layer = f"{layer}/reference_images"
    arrays: list[np.ndarray] = [
        *read_arrays(reference, at_layer),
        *read_arrays(target, at_layer, f"{layer}/iri_images/{match['random_seed']}"),
    ]
    roles = ("reference_of_reference", "target_of_reference", "target_of_iri")
    return dict(zip(roles, map(torch.from_numpy, arrays), strict=True))
