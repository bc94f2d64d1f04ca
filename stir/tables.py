"""Columns of the tables, and how rows are put together; no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stir.artifacts import write_atomically
from stir.errors import InvalidInputError

SCORE_COLUMNS = [
    "reference_model",
    "target_model",
    "reference_layer",
    "target_layer",
    "similarity_measure",
    "inversion_method",
    "seed_images",
    "random_seed",
    "stir",
    "stir_converged",
    "similarity",
    "n_images",
    "tolerance",
    "converged_fraction",
    "inversion_error_median",
    "inversion_error_p90",
    "pairwise_inversion_error_median",
    "correlation_median",
    "null_correlation_p99",
    "same_class_fraction",
    "seed_error_median",
    "iterations_median",
]
SUMMARY_KEYS = [
    "reference_group",
    "target_group",
    "reference_layer",
    "target_layer",
    "similarity_measure",
    "inversion_method",
    "seed_images",
]
TEXT_COLUMNS = [f"{side}_{what}" for side in ("reference", "target") for what in ("checkpoint", "model", "group", "layer")]
MODEL_COLUMNS = [
    "model",
    "architecture",
    "objective",
    "training_seed",
    "clean_accuracy",
    "robust_accuracy",
    "attack_norm",
    "attack_eps",
    "attack_steps",
    "n_images",
]


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV table. Keys and names are text, also those that look like numbers: 61145855e0."""
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, "str"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV table, whole or not at all, with every digit of its numbers."""
    write_atomically(path, table.to_csv(index=False))


def score_table(scores: Sequence[pd.DataFrame], models: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Put the scores of all references together, models by the names of the experiment.

    Parameters
    ----------
    scores : sequence of DataFrame
        Rows with ``reference_checkpoint`` and ``target_checkpoint`` (keys).
    models : sequence of mapping
        ``name`` and ``checkpoint`` (key) of every model; their order is the table's.

    Raises
    ------
    InvalidInputError
        If there are scores of a model that is not among these.
    """
    named = pd.DataFrame([{"name": model["name"], "checkpoint": model["checkpoint"]} for model in models])
    named["order"] = range(len(named))
    rows = pd.concat(scores, ignore_index=True)
    if unknown := {*rows["reference_checkpoint"], *rows["target_checkpoint"]} - {*named["checkpoint"]}:
        raise InvalidInputError(f"Expected scores of the checkpoints {list(named['checkpoint'])}; got also those of {unknown}.")
    for side in ("reference", "target"):
        rows = rows.merge(
            named.rename(columns={"name": f"{side}_model", "checkpoint": f"{side}_checkpoint", "order": f"{side}_order"})
        )
    rows = rows.sort_values(["reference_order", "target_order"], kind="stable")
    return rows[SCORE_COLUMNS].reset_index(drop=True)


def summary_table(scores: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """Average over pairs of different models, spread over training and inversion seeds apart.

    For every pair of groups (models that differ in nothing but their training seed):
    the mean over ordered pairs of different models, the standard deviation over those
    pairs (each averaged over inversion seeds), and the root mean square over pairs of
    the standard deviation over inversion seeds.

    Parameters
    ----------
    scores : DataFrame
        Of `score_table`.
    groups : mapping
        Model name -> group name.
    """
    rows = scores[scores["reference_model"] != scores["target_model"]].copy()
    rows["reference_group"] = rows["reference_model"].map(groups)
    rows["target_group"] = rows["target_model"].map(groups)
    pair = [*SUMMARY_KEYS, "reference_model", "target_model"]
    by_pair = rows.groupby(pair, sort=False).agg(
        stir=("stir", "mean"),
        stir_variance=("stir", "var"),
        stir_converged=("stir_converged", "mean"),
        similarity=("similarity", "first"),
        seeds=("random_seed", "nunique"),
        converged_fraction=("converged_fraction", "min"),
    )
    by_group = by_pair.groupby(SUMMARY_KEYS, sort=False)
    summary = by_group.agg(
        stir_mean=("stir", "mean"),
        stir_sd_training_seeds=("stir", "std"),
        stir_converged_mean=("stir_converged", "mean"),
        similarity_mean=("similarity", "mean"),
        similarity_sd_training_seeds=("similarity", "std"),
        n_model_pairs=("stir", "size"),
        n_inversion_seeds=("seeds", "min"),
        converged_fraction_min=("converged_fraction", "min"),
    )
    summary.insert(2, "stir_sd_inversion_seeds", by_group["stir_variance"].mean() ** 0.5)
    return summary.reset_index()


def model_table(evaluations: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """List every model with its clean and robust accuracy."""
    by_checkpoint = {evaluation["checkpoint"]: evaluation for evaluation in evaluations}
    rows = []
    for model in models:
        evaluation = by_checkpoint[model["checkpoint"]]
        rows.append({column: {"model": model["name"], **model, **evaluation}.get(column) for column in MODEL_COLUMNS})
    return pd.DataFrame(rows, columns=MODEL_COLUMNS)


def metrics(summary: pd.DataFrame, models: pd.DataFrame) -> dict[str, Any]:
    """Nest the numbers to compare from run to run, by what they are of.

    Parameters
    ----------
    summary : DataFrame
        Of `summary_table`.
    models : DataFrame
        Of `model_table`.

    Returns
    -------
    dict
        ``scores``: reference group -> target group -> layer -> similarity measure -> means
        (``stir_mean``, ``similarity_mean``; one that is not a number is left out); ``models``: model -> accuracies.
    """
    scores: dict[str, Any] = {}
    for row in summary.to_dict("records"):
        layer = scores.setdefault(row["reference_group"], {}).setdefault(row["target_group"], {})
        by_measure = layer.setdefault(row["reference_layer"], {})
        by_measure[row["similarity_measure"]] = {
            name: row[name] for name in ("stir_mean", "similarity_mean") if pd.notna(row[name])
        }
    accuracies = models.set_index("model")[["clean_accuracy", "robust_accuracy"]]
    return {"scores": scores, "models": accuracies.to_dict("index")}
