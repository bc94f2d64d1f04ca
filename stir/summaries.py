"""Summaries of a table of scores: over models that differ only in their training seed, and as metrics for comparison."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stir.flags import combined
from stir.table_layers import layer_columns, layer_texts

SUMMARY_KEYS = [
    "reference_group",
    "target_group",
    "reference_layer",
    "target_layer",
    "similarity_measure",
    "inversion_method",
    "seed_images",
    "images_dataset",
]
OF_SCORES = {
    "stir": ["stir_mean", "stir_sd_training_seeds", "stir_sd_inversion_seeds"],
    "similarity": ["similarity_mean", "similarity_sd_training_seeds"],
}
"""Score -> columns of a summary that depend on it."""


def summary_table(scores: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """Average over pairs of different models, with separate spreads over training and inversion seeds.

    For every pair of groups (models that differ only in their training seed), the result contains
    the mean over ordered pairs of different models, the standard deviation over those
    pairs (each averaged over inversion seeds), and the root mean square over pairs of
    the standard deviation over inversion seeds. They are empty if a score of the group is.
    ``flags`` are those of all rows of the group, with their models.

    Parameters
    ----------
    scores : DataFrame
        From `score_table`.
    groups : mapping
        Model name -> group name.
    """
    rows = scores[scores["reference_model"] != scores["target_model"]].copy()
    rows["reference_group"] = rows["reference_model"].map(groups)
    rows["target_group"] = rows["target_model"].map(groups)
    after = SUMMARY_KEYS.index("target_layer") + 1
    keys = [*SUMMARY_KEYS[:after], *layer_columns(rows), *SUMMARY_KEYS[after:]]
    by_pair = rows.groupby([*keys, "reference_model", "target_model"], sort=False, dropna=False).agg(
        stir=("stir", "mean"),
        stir_variance=("stir", "var"),
        stir_converged=("stir_converged", "mean"),
        similarity=("similarity", "first"),
        seeds=("random_seed", "nunique"),
        converged_fraction=("converged_fraction", "min"),
    )
    by_group = by_pair.groupby(keys, sort=False, dropna=False)
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
    by_rows = rows.groupby(keys, sort=False, dropna=False)
    # Aggregations skip missing numbers, but the mean of the others would be a different quantity.
    for score, columns in OF_SCORES.items():
        summary[columns] = summary[columns].mask(by_rows[score].count() < by_rows.size(), axis=0)
    summary["flags"] = pd.Series({keys: combined(of_group) for keys, of_group in by_rows}, dtype=object)
    summary = summary.reset_index()
    return summary[[*summary.columns.drop(["images_dataset", "flags"]), "images_dataset", "flags"]]


def metrics(summary: pd.DataFrame, models: pd.DataFrame) -> dict[str, Any]:
    """Nest the numbers that are compared between runs.

    Parameters
    ----------
    summary : DataFrame
        From `summary_table`.
    models : DataFrame
        From `model_table`.

    Returns
    -------
    dict
        ``scores``: reference group -> target group -> layer -> similarity measure -> means
        (``stir_mean``, ``similarity_mean``; missing numbers are left out), below the dataset of the images
        if there are several; ``models``: model -> accuracies, by the first attack, if it was evaluated.
    """
    several = summary["images_dataset"].nunique() > 1
    scores: dict[str, Any] = {}
    for row in summary.assign(reference_layer=layer_texts(summary)).to_dict("records"):
        place = scores.setdefault(row["images_dataset"], {}) if several else scores
        layers = place.setdefault(row["reference_group"], {}).setdefault(row["target_group"], {})
        by_measure = layers.setdefault(row["reference_layer"], {})
        by_measure[row["similarity_measure"]] = {
            name: row[name] for name in ("stir_mean", "similarity_mean") if pd.notna(row[name])
        }
    first = models.drop_duplicates("model").set_index("model")
    accuracies = {
        model: {name: value for name, value in of_model.items() if pd.notna(value)}
        for model, of_model in first[["clean_accuracy", "robust_accuracy"]].to_dict("index").items()
    }
    return {"scores": scores, "models": accuracies}
