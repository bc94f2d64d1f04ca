"""Pairs of models as rows of a table of scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from torch import Tensor

from stir.beside_inversion import Represented, Target
from stir.controls import Perturbed
from stir.controls.or_nan import pnka_or_nan, similarity_or_nan, stir_of_converged
from stir.inversion import Inversion
from stir.layers.layer import PENULTIMATE
from stir.names import layer_text
from stir.provenance import device_kind
from stir.score import score
from stir.score_files import as_stored
from stir.shared_invariance import beside
from stir.shared_invariance_result import same_class_fraction
from stir.table_controls import TARGET_SAME_CLASS

IMAGES = "images"
"""What the representations of X are called."""


@dataclass(frozen=True)
class Model:
    """A model at one of its layers, and what it makes of X."""

    name: str
    target: Target
    of: Represented

    @property
    def of_images(self) -> Tensor:
        """The representations of X."""
        return self.of.of[IMAGES]

    def columns(self, side: str) -> dict[str, Any]:
        """Return what rows say of the layer."""
        spec, width = self.target.layer, self.of_images.shape[1]
        select = f"[{spec.select}]" if isinstance(spec.select, int) else spec.select
        pooling = spec.pooling if isinstance(spec.pooling, str) else getattr(spec.pooling, "__name__", "function")
        said = {"layer": spec.layer or PENULTIMATE, "select": select, "pooling": pooling, "features": width}
        return {f"{side}_{name}": value for name, value in said.items()}

    @property
    def layer(self) -> str:
        """The layer as tables name it."""
        layer, select, pooling, _ = self.columns("").values()
        return layer_text(layer, select, pooling)


@dataclass(frozen=True)
class Pair:
    """A reference and a target model, and what both make of the IRIs of the reference."""

    reference: Model
    target: Model
    inversion: Inversion
    matched: dict[str, Any]
    """Columns of the inversion."""
    own: Perturbed
    """m1 of X', of which the ceiling is."""
    perturbed: Perturbed
    """m2 of X', seed images and noise."""
    classes: Int[Tensor, " n"]
    """That m2 predicts for X'."""


Scored = tuple[list[dict[str, Any]], list[np.ndarray], dict[str, Any], np.ndarray]
"""Of a pair: rows per measure, STIR without each image per measure, the row of the pair, and PNKA per image."""


def scores_of(pair: Pair, measures: Sequence[str]) -> Scored:
    """Score a pair by several measures, with controls."""
    both = [_row(pair, measure) for measure in measures]
    which = _names(pair) | {"layer": pair.reference.layer, "random_seed": pair.matched["random_seed"]}
    per_image = pnka_or_nan(pair.target.of_images, pair.perturbed.of_perturbed)
    return [row for row, _ in both], [without for _, without in both], which, per_image.double().cpu().numpy()


def _names(pair: Pair) -> dict[str, str]:
    return {"reference_checkpoint": pair.reference.name, "target_checkpoint": pair.target.name}


def _row(pair: Pair, measure: str) -> tuple[dict[str, Any], np.ndarray]:
    """Return the row of a pair for a measure, and STIR without each image."""
    of_images, of_perturbed = pair.target.of_images, pair.perturbed.of_perturbed
    scored = score(
        reference_of_reference=pair.reference.of_images,
        target_of_reference=of_images,
        target_of_iri=of_perturbed,
        similarity_measure=measure,
    )
    ceiling = similarity_or_nan(measure, pair.reference.of_images, pair.own.of_perturbed)
    controls, controlled = beside(scored.stir, of_images, pair.perturbed, measure, ceiling)
    without = controls.without_each
    row = {
        **_names(pair),
        **pair.reference.columns("reference"),
        **pair.target.columns("target"),
        "similarity_measure": measure,
        "stir": scored.stir,
        "stir_converged": stir_of_converged(measure, of_images, of_perturbed, pair.inversion.converged, scored.stir),
        "similarity": scored.similarity,
        **controlled.columns(),
        TARGET_SAME_CLASS: same_class_fraction(pair.target.of.classes[IMAGES], pair.classes),
        "dtype": str(of_images.dtype).removeprefix("torch."),
        "device_kind": device_kind(str(of_images.device)),
        **pair.matched,
    }
    return row, np.full(len(of_images), np.nan) if without is None else without.double().cpu().numpy()


def together(scores: Sequence[Scored]) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame, np.ndarray]:
    """Return the scores of all pairs as tables and arrays."""
    rows, without_each, pairs, per_image = zip(*scores, strict=True)
    tables = [as_stored(pd.DataFrame(each)) for each in ([row for of_pair in rows for row in of_pair], pairs)]
    return tables[0], np.stack([each for of_pair in without_each for each in of_pair]), tables[1], np.stack(per_image)
