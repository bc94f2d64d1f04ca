"""Stage score: STIR and plain S_rep of one reference model against every target model."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir_workflow.stages.index import read_index
from stir_workflow.stages.job import Job
from stir_workflow.stages.pair import N_FEATURES, target_layers_of

if TYPE_CHECKING:
    import numpy as np

LAYERS_DESCRIBED = "layers_described"
"""Setting of experiments whose tables say how layers are read: selector, pooling, number of features."""


def make(job: Job) -> None:
    """Score from cached representations, each read once; refuse inversions of which too few images converged."""
    import pandas as pd

    from stir.provenance import device_kind
    from stir_workflow.stages.matches import read_matches, require_convergence
    from stir_workflow.store.artifacts import sealed_recipe, sealing
    from stir_workflow.store.hdf5 import read_arrays

    job.torch_device()
    matches = read_matches(job.inputs["iris"])
    require_convergence(matches, job.settings["minimum_converged_fraction"])
    converged = [read_arrays(path, "converged")[0] for path in job.inputs["iris"]]
    inverted = list(zip(matches, converged, strict=True))
    files = read_index(job.one("representation"))
    own = sealed_recipe(job.inputs["iris"][0]).inputs["checkpoint"]
    reference = Cached(files[str(own)], [_of_reference(match) for match in matches])
    rows = []
    for path in files.values():
        target = Cached(path, [name for match in matches for name in (_of_reference(match), _of_iri(match))])
        rows += _rows(job.settings, reference, target, inverted)
    with sealing(job.output, job.recipe, device_kind=device_kind("cpu")) as path:
        path.write_text(pd.DataFrame(rows).to_csv(index=False), encoding="utf-8")


class Cached:
    """Representations of one file, read once."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        import torch

        from stir_workflow.store.artifacts import sealed_recipe
        from stir_workflow.store.hdf5 import read_arrays

        once = list(dict.fromkeys(names))
        self.arrays = dict(zip(once, map(torch.from_numpy, read_arrays(path, *once)), strict=True))
        recipe = sealed_recipe(path)
        self.path, self.checkpoint = path, recipe.inputs["checkpoint"]
        self.layers = target_layers_of(recipe.settings)
        """The model's own layer for each layer of the reference model."""
        self._in_features = recipe.settings["basis"] == "features"

    def n_features(self, layer: str) -> float:
        """Return how many features a layer's representation has; NaN where a file in another basis does not say."""
        from stir_workflow.store.hdf5 import read_attribute

        if self._in_features:
            return int(self.arrays[f"{layer}/reference_images"].shape[1])
        said = read_attribute(self.path, N_FEATURES)
        return float("nan") if said is None else int(json.loads(said)[layer])

    def columns(self, layer: str, side: str, *, described: bool) -> dict[str, Any]:
        """Return what rows say of the model's own layer for a layer of the reference model."""
        columns = self.layers[layer].columns(side)
        own = f"{side}_layer"
        return columns | {f"{side}_features": self.n_features(layer)} if described else {own: columns[own]}


def _of_reference(match: Mapping[str, Any]) -> str:
    return f"{match['layer']}/reference_images"


def _of_iri(match: Mapping[str, Any]) -> str:
    return f"{match['layer']}/iri_images/{match['random_seed']}"


def _rows(
    settings: Mapping[str, Any], reference: Cached, target: Cached, inverted: "Sequence[tuple[dict[str, Any], np.ndarray]]"
) -> list[dict[str, Any]]:
    rows = []
    for match, converged in inverted:
        arrays = {
            "reference_of_reference": reference.arrays[_of_reference(match)],
            "target_of_reference": target.arrays[_of_reference(match)],
            "target_of_iri": target.arrays[_of_iri(match)],
        }
        of_reference, of_target = (
            cached.columns(match["layer"], side, described=settings.get(LAYERS_DESCRIBED, False))
            for cached, side in ((reference, "reference"), (target, "target"))
        )
        layers = of_reference | of_target
        keys = {"reference_checkpoint": reference.checkpoint, "target_checkpoint": target.checkpoint, **layers}
        rest = {name: value for name, value in match.items() if name != "layer"}
        for measure in settings["similarity_measures"]:
            rows.append(keys | _scored(arrays, converged, measure, f"{target.path}, layer {match['layer']}") | rest)
    return rows


def _scored(arrays: "dict[str, Any]", converged: "np.ndarray", measure: str, place: str) -> dict[str, Any]:
    from stir.errors import InvalidInputError
    from stir.score import score

    try:
        scored = score(**arrays, similarity_measure=measure)
    except InvalidInputError as error:
        raise InvalidInputError(f"{place}, similarity measure {measure!r}: {error}") from error
    return {
        "similarity_measure": measure,
        "stir": scored.stir,
        "stir_converged": _stir_of_converged(arrays, converged, measure, scored.stir),
        "similarity": scored.similarity,
    }


def _stir_of_converged(arrays: "dict[str, Any]", converged: "np.ndarray", measure: str, of_all: float) -> float:
    """Score the converged images alone; NaN where they are too few for the measure."""
    import torch

    from stir.errors import InvalidInputError
    from stir.score import score

    if converged.all():
        return of_all
    rows = torch.from_numpy(converged)
    try:
        return score(**{role: array[rows] for role, array in arrays.items()}, similarity_measure=measure).stir
    except InvalidInputError:
        return float("nan")
