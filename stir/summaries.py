"""Summaries of a table of scores: over models that differ only in their training seed, and as metrics for comparison."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stir.cells import ERROR_COLUMNS, cells_of, columns_of
from stir.differences import difference_table
from stir.flags import NOT_ABOVE_NULL, combined, is_not_above_null
from stir.table_controls import P_HOLM, SUMMARISED
from stir.table_layers import layer_columns, layer_positions, layer_texts

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
METRICS = ["stir_mean", "stir_low", "stir_high", "stir_ceiling_mean", "stir_noise_mean", "stir_excess_mean", "similarity_mean"]
"""Columns of a summary that are compared between runs."""


def summary_table(scores: pd.DataFrame, groups: Mapping[str, str], without_each: np.ndarray | None = None) -> pd.DataFrame:
    """Return the summary alone of `summary_and_differences`."""
    return summary_and_differences(scores, groups, without_each)[0]


def summary_and_differences(
    scores: pd.DataFrame, groups: Mapping[str, str], without_each: np.ndarray | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Average over pairs of different models, with spreads and standard errors, and compare the means (`stir.differences`).

    For every pair of groups (models that differ only in their training seed), the summary contains
    the mean over ordered pairs of different models, the standard deviation over those
    pairs (each averaged over inversion seeds), and the root mean square over pairs of
    the standard deviation over inversion seeds. They are empty if a score of the group is.
    ``stir_se_`` are standard errors of the mean over images, inversion seeds and training seeds (empty if there are too few),
    ``stir_low`` and ``stir_high`` its 95% interval over the units that ``interval_over`` names (`stir.standard_errors.combined`).
    Means of controls follow; ``not_above_null`` counts the pairs of models with a score that is not above its null.
    ``flags`` are those of all rows of the group, with their models.

    Parameters
    ----------
    scores : DataFrame
        From `score_table`.
    groups : mapping
        Model name -> group name.
    without_each : array of shape (rows, n), optional
        STIR of each row without each image; without it, there are no standard errors over images.
    """
    of_pairs = (scores["reference_model"] != scores["target_model"]).to_numpy()
    without_each = np.full((len(scores), 0), np.nan) if without_each is None else without_each
    rows = scores.assign(layer=layer_positions(scores))[of_pairs].reset_index(drop=True)
    rows["reference_group"] = rows["reference_model"].map(groups)
    rows["target_group"] = rows["target_model"].map(groups)
    after = SUMMARY_KEYS.index("target_layer") + 1
    keys = [*SUMMARY_KEYS[:after], *layer_columns(rows), *SUMMARY_KEYS[after:]]
    by_rows = rows.groupby(keys, sort=False, dropna=False)
    summary = _means(rows, keys)
    # Aggregations skip missing numbers, but the mean of the others would be a different quantity.
    for score, columns in OF_SCORES.items():
        summary[columns] = summary[columns].mask(by_rows[score].count() < by_rows.size(), axis=0)
    summary["flags"] = pd.Series({keys: combined(of_group) for keys, of_group in by_rows}, dtype=object)
    summary = summary.reset_index()
    cells = list(cells_of(rows, by_rows.ngroup().to_numpy(), without_each[of_pairs]))
    errors = pd.DataFrame([columns_of(cell) for cell in cells], summary.index, columns=["stir_low", "stir_high", *ERROR_COLUMNS])
    controls = _controls(rows, keys).reset_index(drop=True)
    last = ["images_dataset", "flags"]
    summary = pd.concat([summary.drop(columns=last), errors, controls, summary[last]], axis=1)
    return summary, difference_table(summary, cells, by_rows["layer"].first())


def _means(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
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
    return summary


def _controls(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return means of controls, which are empty if one of them is, and how many pairs of models are not above their null."""
    known = [column for column in SUMMARISED if column in rows]
    by_group = rows.groupby(keys, sort=False, dropna=False)
    counts, size = by_group[known].count(), by_group.size()
    means = by_group[known].mean().where(counts.eq(size, axis=0)).add_suffix("_mean")
    if P_HOLM in rows:
        pairs = rows.assign(below=is_not_above_null(rows)).groupby(
            [*keys, "reference_model", "target_model"], sort=False, dropna=False
        )
        means[NOT_ABOVE_NULL] = pairs["below"].any().groupby(level=keys, sort=False, dropna=False).sum()
    return means


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
        (`METRICS`; missing numbers are left out), below the dataset of the images
        if there are several; ``models``: model -> accuracies, by the first attack, if it was evaluated.
    """
    several = summary["images_dataset"].nunique() > 1
    scores: dict[str, Any] = {}
    for row in summary.assign(reference_layer=layer_texts(summary)).to_dict("records"):
        place = scores.setdefault(row["images_dataset"], {}) if several else scores
        layers = place.setdefault(row["reference_group"], {}).setdefault(row["target_group"], {})
        by_measure = layers.setdefault(row["reference_layer"], {})
        by_measure[row["similarity_measure"]] = {name: row[name] for name in METRICS if pd.notna(row.get(name))}
    first = models.drop_duplicates("model").set_index("model")
    accuracies = {
        model: {name: value for name, value in of_model.items() if pd.notna(value)}
        for model, of_model in first[["clean_accuracy", "robust_accuracy"]].to_dict("index").items()
    }
    return {"scores": scores, "models": accuracies}
