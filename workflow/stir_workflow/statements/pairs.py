"""Pairs of different models with what is known of both: what statements are judged on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stir.errors import InvalidInputError
from stir.flags import LEAST_CONVERGED, of_models, read_flags
from stir.table_layers import layer_name, layer_positions
from stir.tables import described

FAMILIES = {"resnet": "residual", "wide_resnet": "residual", "resnext": "residual", "vgg": "vgg"}
RECIPE = ["architecture", "objective", "training_dataset", "n_train", "width"]
NEEDED = ["reference_model", "target_model", "reference_layer", "similarity_measure", "images_dataset", "random_seed"]
NEEDED += ["stir", "similarity", "converged_fraction"]


WITHOUT_EACH = "stir_without_each"
"""Column of arrays (n,): STIR without each image; absent for tables alone, which lack them."""


def pairs_of(scores: pd.DataFrame, models: pd.DataFrame, similarity_measure: str = "linear_cka") -> pd.DataFrame:
    """Merge the scores of pairs of different models with the table of models; other references are left out.

    Parameters
    ----------
    scores : DataFrame
        Of `stir.tables.score_table`; perhaps with `WITHOUT_EACH`.
    models : DataFrame
        Of `stir.tables.model_table`; the first row of each model counts: the ball that it was trained in.
    similarity_measure : str
        The measure to judge by; the poster's is linear CKA.

    Returns
    -------
    DataFrame
        A row for each pair, layer, images and inversion seed: ``stir``, ``similarity``, ``layer`` (position
        from 0) and ``layer_name``, ``flags`` of the table of scores, ``inversion_flag``, and for ``reference_`` and
        ``target_`` each what the table of models says, ``model_flag``, ``kind`` (residual, vgg, other), and what
        models have in common: ``recipe``,
        ``network`` (architecture and objective), ``family`` (kind and objective). Flags are empty where nothing
        speaks against a row.

    Raises
    ------
    InvalidInputError
        If columns, models or rows are missing, or rows are there twice.
    """
    _check_columns(scores, models)
    rows = scores[scores["similarity_measure"].eq(similarity_measure) & ~_of_further_references(scores, models)]
    if rows.empty:
        measures = list(scores["similarity_measure"].unique())
        raise InvalidInputError(f"Expected scores by {similarity_measure!r}; got {measures}. Add it to similarity_measures.")
    rows = rows.assign(layer=layer_positions(rows))
    names = {layer: layer_name(of_layer) for layer, of_layer in rows.groupby("layer")}
    rows = rows.assign(layer_name=rows["layer"].map(names))
    rows = rows[rows["reference_model"] != rows["target_model"]].reset_index(drop=True)
    _check_complete(rows)
    return _flagged(described(rows, _known_of(models)))


def _of_further_references(scores: pd.DataFrame, models: pd.DataFrame) -> pd.Series:
    """Return which rows are of a reference that is no model of the experiment, so that it is the target of none."""
    no_target = ~scores["reference_model"].isin(scores["target_model"])
    return no_target & ~scores["reference_model"].isin(models["model"])


def last_layer(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last layer; the poster's is the penultimate."""
    return pairs[pairs["layer"] == pairs["layer"].max()]


def alike(pairs: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the pairs whose models have these properties in common; a property that both lack is."""
    for column in columns:
        first, second = pairs[f"reference_{column}"], pairs[f"target_{column}"]
        pairs = pairs[(first == second) | (first.isna() & second.isna())]
    return pairs


def both(pairs: pd.DataFrame, **properties: object) -> pd.DataFrame:
    """Return the pairs of which both models have these properties."""
    for column, value in properties.items():
        pairs = pairs[(pairs[f"reference_{column}"] == value) & (pairs[f"target_{column}"] == value)]
    return pairs


def mean(rows: pd.DataFrame, score: str) -> Any:
    """Return the mean of a score; NaN where one is, or where there is none; an array of means where scores are arrays."""
    if rows[score].dtype == object and len(rows):
        return np.mean(np.stack(list(rows[score])), axis=0)
    return float(rows[score].mean(skipna=False))


def require(pairs: pd.DataFrame, what: str) -> pd.DataFrame:
    """Refuse an experiment that has no such pairs.

    Raises
    ------
    InvalidInputError
        Naming what the statement compares.
    """
    if pairs.empty:
        raise InvalidInputError(f"Expected {what}; got none. Add such models to the experiment, or leave the statement out.")
    return pairs


def _check_columns(scores: pd.DataFrame, models: pd.DataFrame) -> None:
    needed = [("scores", scores, NEEDED), ("models", models, ["model", *RECIPE, "robust_accuracy", "flag"])]
    for name, table, columns in needed:
        if absent := [column for column in columns if column not in table]:
            raise InvalidInputError(f"Expected the columns {columns} in the table of {name}; it lacks {absent}. Make it again.")


def _check_complete(rows: pd.DataFrame) -> None:
    keys = ["reference_model", "target_model", "layer", "images_dataset"]
    if rows.duplicated([*keys, "random_seed"]).any():
        raise InvalidInputError("Expected one score for each pair, layer, images and inversion seed; got several of one.")
    seeds = rows["random_seed"].nunique()
    counts = rows.groupby(keys).size()
    if (counts != seeds).any():
        first = dict(zip(keys, counts[counts != seeds].index[0], strict=True))
        raise InvalidInputError(f"Expected scores of all {seeds} inversion seeds for every pair; {first} has fewer.")


def _known_of(models: pd.DataFrame) -> pd.DataFrame:
    known = models.drop_duplicates("model").copy()
    known["flag"] = known["model"].map(of_models(models))
    known["recipe"] = ["/".join(map(str, settings)) for settings in known[RECIPE].itertuples(index=False)]
    known["network"] = known["architecture"].astype(str) + "/" + known["objective"].astype(str)
    kinds = known["architecture"].str.extract(r"^([a-z_]*[a-z])", expand=False).map(FAMILIES).fillna("other")
    known["kind"], known["family"] = kinds, kinds + "/" + known["objective"].astype(str)
    return known


def _flagged(rows: pd.DataFrame) -> pd.DataFrame:
    for side in ("reference", "target"):
        said = rows[f"{side}_model"] + ": " + rows[f"{side}_flag"]
        rows[f"{side}_model_flag"] = said.where(rows[f"{side}_flag"] != "", "")
    enough = rows["converged_fraction"] >= LEAST_CONVERGED
    fewest = rows.groupby("reference_model")["converged_fraction"].transform(lambda found: found.min(skipna=False))
    said = rows["reference_model"] + ": " + fewest.map("{:.0%}".format) + f" of the images converged, under {LEAST_CONVERGED:.0%}"
    return rows.assign(inversion_flag=said.where(~enough, ""), flags=read_flags(rows))
