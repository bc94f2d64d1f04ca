"""Stage score: STIR and plain S_rep of one reference model against every target model, beside their controls."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.table_controls import TARGET_SAME_CLASS
from stir_workflow.stages.cached import Match, opened_representations
from stir_workflow.stages.index import read_index
from stir_workflow.stages.iri import reference_key
from stir_workflow.stages.job import Job
from stir_workflow.stages.layer_setting import LayerSetting
from stir_workflow.stages.scoring import Inverted, ScoredInversion, Which, floors, score_inversions

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from stir_workflow.store.scores import Scores

UNTRAINED = "untrained"
"""Setting: checkpoint key of a target model -> that of an untrained network of its architecture."""
N_IMAGES = "n_images"
"""Setting: how many images are scored, the first; all of them without it."""
RANDOM_SEED = 0
"""Of the shuffles of the null, which all scores share."""
Found = Sequence[tuple[Match, ScoredInversion]]
"""Scores of one target model."""


@dataclass(frozen=True)
class Reference:
    """A reference model, an ensemble, or perturbed images, as rows name them."""

    key: str
    members: tuple[str, ...]
    """Checkpoints of the models that X' was made with; none for perturbed images."""
    columns: dict[str, dict[str, Any]]
    """Layer -> what rows say of it."""


def make(job: Job) -> None:
    """Score from cached representations; refuse inversions of which too few images converged."""
    from stir.provenance import device_kind
    from stir_workflow.stages.matches import read_matches, require_convergence
    from stir_workflow.store.artifacts import sealing
    from stir_workflow.store.hdf5 import read_present
    from stir_workflow.store.scores import write_scores

    job.torch_device()
    first = job.settings.get(N_IMAGES)
    matches = read_matches(job.inputs["iris"], first)
    require_convergence(matches, job.settings["minimum_converged_fraction"])
    converged = [read_present(path, "converged").get("converged") for path in job.inputs["iris"]]
    converged = [each if each is None else each[:first] for each in converged]
    scores = _scores(job, list(zip(matches, converged, strict=True)))
    kind = device_kind("cpu")
    with sealing(job.output, job.recipe, device_kind=kind) as path:
        write_scores(path, scores, job.recipe, device_kind=kind)


def _scores(job: Job, inverted: Sequence[Inverted]) -> "Scores":
    """Score every target model; the score of the reference model itself is the ceiling of the others."""
    files, measures, first = (
        read_index(job.one("representation")),
        job.settings["similarity_measures"],
        job.settings.get(N_IMAGES),
    )
    untrained: Mapping[str, str] = job.settings.get(UNTRAINED, {})
    only_floors = {*untrained.values()} - {*untrained}
    reference, of_reference = _reference(job.inputs["iris"], files, first)
    orders = _orders(inverted[0][0]["n_images"])
    scored, stirs = {}, {}
    for checkpoint, path in files.items():
        with opened_representations(path, first) as cached:
            if checkpoint in only_floors:
                stirs[checkpoint] = floors(cached, inverted, measures)
            else:
                found = score_inversions(cached, of_reference, inverted, similarity_measures=measures, orders=orders)
                scored[checkpoint] = list(found)
                stirs[checkpoint] = _stirs(scored[checkpoint])
    return _put_together(reference, scored, stirs, untrained)


def _reference(iris: Sequence[Path], files: Mapping[str, Path], first: int | None) -> "tuple[Reference, dict[str, Tensor]]":
    """Return the reference, and m1(X) for every layer where it is one model."""
    from stir_workflow.store.artifacts import sealed_recipe

    recipes = [sealed_recipe(path) for path in iris]
    layers = {layer.text: layer for layer in (LayerSetting.of(recipe.settings) for recipe in recipes)}
    columns = {text: layer.columns("reference") | {"reference_features": math.nan} for text, layer in layers.items()}
    members = tuple(key for role in ("checkpoint", "checkpoints") for key in _listed(recipes[0].inputs.get(role, [])))
    of_reference = {}
    if len(members) == 1:
        with opened_representations(files[members[0]], first) as cached:
            of_reference = {layer: cached.of_images(layer) for layer in layers}
            columns = {layer: of_layer | cached.columns(layer, "reference") for layer, of_layer in columns.items()}
    return Reference(reference_key(recipes[0]), members, columns), of_reference


def _listed(keys: str | list[str]) -> list[str]:
    return [keys] if isinstance(keys, str) else keys


def _orders(n_images: int) -> "Tensor | None":
    """Draw the shuffles of the null; None for too few images."""
    from torch import Generator

    from stir.controls import N_ORDERS, draw_orders
    from stir.table_controls import LEAST_IMAGES_OF_NULL

    if n_images < LEAST_IMAGES_OF_NULL:
        return None
    return draw_orders(n_images, N_ORDERS, generator=Generator().manual_seed(RANDOM_SEED))


def _stirs(found: Found) -> dict[Which, float]:
    return {
        (match["layer"], match["random_seed"], measure): scored.stir
        for match, inversion in found
        for measure, scored in inversion.scores.items()
    }


def _put_together(
    reference: Reference,
    scored: Mapping[str, Found],
    stirs: Mapping[str, Mapping[Which, float]],
    untrained: Mapping[str, str],
) -> "Scores":
    """Return the rows of all target models, each with its ceiling and the score of its untrained network."""
    import numpy as np
    import pandas as pd

    from stir_workflow.store.scores import Scores

    rows, without_each, pairs, per_image = [], [], [], []
    for checkpoint, found in scored.items():
        floor = stirs.get(untrained.get(checkpoint, ""), {})
        for match, inversion in found:
            pairs.append({"target_checkpoint": checkpoint, "layer": match["layer"], "random_seed": match["random_seed"]})
            per_image.append(inversion.per_image)
            for measure in inversion.scores:
                which = (match["layer"], match["random_seed"], measure)
                ceiling = ceiling_of([stirs[member][which] for member in reference.members])
                compared = {"ceiling": ceiling, "untrained": floor.get(which, math.nan)}
                rows.append(_row(reference, checkpoint, match, inversion, measure, compared))
                without_each.append(_without_each(inversion, measure))
    return Scores(pd.DataFrame(rows), np.stack(without_each), pd.DataFrame(pairs), np.stack(per_image))


def ceiling_of(own: Sequence[float]) -> float:
    """Return the ceiling from STIR of each model that X' was made with; NaN where one is.

    For an ensemble it is the lowest: what all of its models share is no more than each shares with itself. Where no model
    made X', it is 1.
    """
    import numpy as np

    return float(np.min(own)) if own else 1.0


def _row(
    reference: Reference,
    checkpoint: str,
    match: Match,
    inversion: ScoredInversion,
    measure: str,
    compared: Mapping[str, float],
) -> dict[str, Any]:
    from stir.controls import beside_controls

    scored = inversion.scores[measure]
    beside = beside_controls(scored.stir, scored.controls, n_images=match["n_images"], similarity_measure=measure, **compared)
    return {
        "reference_checkpoint": reference.key,
        "target_checkpoint": checkpoint,
        **reference.columns[match["layer"]],
        **inversion.target_columns,
        "similarity_measure": measure,
        "stir": scored.stir,
        "stir_converged": scored.stir_converged,
        "similarity": scored.similarity,
        **beside.columns(),
        TARGET_SAME_CLASS: inversion.same_class_fraction,
        **inversion.computed,
        **{name: value for name, value in match.items() if name != "layer"},
    }


def _without_each(inversion: ScoredInversion, measure: str) -> "np.ndarray":
    import numpy as np

    without_each = inversion.scores[measure].controls.without_each
    return np.full(len(inversion.per_image), np.nan) if without_each is None else without_each.numpy()
