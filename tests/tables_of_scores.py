"""Synthetic tables of scores and models, for tests of statements and figures."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from stir.flags import of_scores
from stir.tables import SCORE_COLUMNS

LAYERS = ("penultimate",)
MATCHED = {
    "tolerance": 0.1,
    "pairwise_inversion_error_median": 0.08,
    "correlation_median": 0.99,
    "null_correlation_p99": 0.6,
    "seed_error_median": 1.0,
}
"""Columns of inversions without flags."""
CONTROLS = {
    "stir_ceiling": 0.998,
    "stir_seed_floor": 0.05,
    "stir_untrained": 0.2,
    "stir_null_p95": 0.03,
    "stir_null_p_value": 1e-6,
    "stir_null_p_holm": 1e-3,
    "stir_noise": 0.3,
    "stir_noise_sd": 0.01,
    "target_same_class_fraction": 0.7,
    "dtype": "float32",
    "device_kind": "cpu",
}
"""Columns of controls that speak for every score."""
Score = Callable[[Mapping[str, Any], Mapping[str, Any], int, int], float]
"""(reference model, target model, layer, random seed) -> score."""


def model(objective: str, training_seed: int = 0, **settings: Any) -> dict[str, Any]:
    """A row of the table of models."""
    row = {
        "model": "",
        "architecture": "resnet18",
        "objective": objective,
        "training_seed": training_seed,
        "clean_accuracy": 0.8,
        "robust_accuracy": 0.0 if objective == "vanilla" else 0.5,
        "attack_norm": "l2",
        "attack_eps": 1.0,
        "attack_steps": 20,
        "n_images": 1000,
        "training_dataset": "cifar10",
        "n_train": None,
        "width": 64,
        "flag": "",
    } | settings
    said = [row["training_dataset"], row["architecture"], objective, row["n_train"], training_seed]
    return row | {"model": row["model"] or "-".join(str(part) for part in said if part is not None)}


def score_rows(
    models: Sequence[Mapping[str, Any]],
    stir: Score,
    similarity: Score = lambda *_: 0.95,
    *,
    layers: Sequence[str] = LAYERS,
    random_seeds: Sequence[int] = (0, 1, 2),
    images_datasets: Sequence[str] = ("cifar10",),
) -> pd.DataFrame:
    """A score table of all pairs, including models with themselves, for which both scores are 1."""
    rows = []
    for images, reference, target in product(images_datasets, models, models):
        same = reference["model"] == target["model"]
        for (number, layer), seed in product(enumerate(layers), random_seeds):
            rows.append(
                {
                    "reference_model": reference["model"],
                    "target_model": target["model"],
                    "reference_layer": layer,
                    "target_layer": layer,
                    "similarity_measure": "linear_cka",
                    "inversion_method": "lbfgs",
                    "random_seed": seed,
                    "stir": 1.0 if same else stir(reference, target, number, seed),
                    # The same in all inversions.
                    "similarity": 1.0 if same else similarity(reference, target, number, 0),
                    "n_images": 1000,
                    "inversion_error_median": 0.09,
                    "converged_fraction": 0.99,
                    "images_dataset": images,
                    **MATCHED,
                    **CONTROLS,
                }
            )
    return _on_scales(pd.DataFrame(rows))


def _on_scales(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that follow from a score and its controls, in the order of a table."""
    stir, noise, null = rows["stir"], rows["stir_noise"], rows["stir_null_p95"]
    excess = (stir - noise) / (rows["stir_ceiling"] - noise)
    scales = {"stir_excess": excess, "stir_calibrated": ((stir - null) / (1 - null)).clip(lower=0)}
    rows = rows.assign(stir_low=stir - 0.02, stir_high=(stir + 0.02).clip(upper=1), **scales)
    return rows[[*(column for column in SCORE_COLUMNS if column in rows)]]


def wobble(reference: Mapping[str, Any], target: Mapping[str, Any], seed: int, size: float) -> float:
    """A deviation that depends on the pair and the inversion seed, no larger than ``size``."""
    text = f"{reference['model']}|{target['model']}|{seed}"
    return size * (zlib.crc32(text.encode()) % 1001 / 500 - 1)


def flagged(scores: pd.DataFrame, models: Sequence[Mapping[str, Any]], **columns: Any) -> pd.DataFrame:
    """A score table with flags, in which all images converged, except as ``columns`` specify for the first reference model."""
    first = scores["reference_model"] == models[0]["model"]
    scores = scores.assign(converged_fraction=1.0)
    for column, value in columns.items():
        scores.loc[first, column] = value
    return scores.assign(flags=of_scores(scores, pd.DataFrame(models)))
