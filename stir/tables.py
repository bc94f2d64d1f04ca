"""Columns of the tables, and how rows are put together; no torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stir.errors import InvalidInputError
from stir.flags import model_flag
from stir.names import FLATTEN, layer_text

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
    "images_dataset",
    "flags",
]
LAYER_COLUMNS = [f"{side}_{what}" for side in ("reference", "target") for what in ("select", "pooling", "features")]
"""Beside the layers, in tables of experiments that select, pool, or take networks of other libraries: what of a layer's output is
read, what makes a vector of it, and how many features d that has."""
ROW_KEYS = ["reference_model", "target_model", "reference_layer", "similarity_measure", "random_seed", "images_dataset"]
"""What no two rows of a score table have in common."""
SCORES = ["stir", "stir_converged", "similarity"]
TEXT_COLUMNS = [
    f"{side}_{what}"
    for side in ("reference", "target")
    for what in ("checkpoint", "model", "group", "layer", "select", "pooling")
]
TEXT_COLUMNS += ["model", "images_dataset", "training_dataset", "flag", "flags", "normalisation_mean", "normalisation_std"]
TEXT_COLUMNS += ["weights", "input_size", "resize", "code"]
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
    "training_dataset",
    "n_train",
    "width",
    "normalisation_mean",
    "normalisation_std",
    "flag",
]
OF_OTHER_LIBRARIES = ["weights", "input_size", "resize", "code"]
"""Columns of the table of models where any of its models comes from another library or a Python file."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV table. Keys and names are text, also those that look like numbers, or like none: 61145855e0, NA."""
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, "str"), keep_default_na=False, na_values=[""])


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV, with every digit of its numbers."""
    return table.to_csv(index=False)


def score_table(
    scores: Sequence[pd.DataFrame], models: Sequence[Mapping[str, Any]], images_datasets: Sequence[str]
) -> pd.DataFrame:
    """Put the scores of all references together, models by the names of the experiment; flags are empty.

    A score that is infinite is left out, as one that is not a number.

    Parameters
    ----------
    scores : sequence of DataFrame
        Rows with ``reference_checkpoint`` and ``target_checkpoint`` (keys).
    models : sequence of mapping
        ``name`` and ``checkpoint`` (key) of every model; their order is the table's.
    images_datasets : sequence of str
        For each of ``scores``, what the dataset is called that its reference images are from.

    Raises
    ------
    InvalidInputError
        If there are scores of a model that is not among these, or not a dataset for each of ``scores``.
    """
    if len(scores) != len(images_datasets):
        raise InvalidInputError(f"Expected a dataset for each of {len(scores)} files of scores; got {len(images_datasets)}.")
    named = pd.DataFrame([{"name": model["name"], "checkpoint": model["checkpoint"]} for model in models])
    named["order"] = range(len(named))
    labelled = [table.assign(images_dataset=label) for table, label in zip(scores, images_datasets, strict=True)]
    rows = pd.concat(labelled, ignore_index=True)
    if unknown := {*rows["reference_checkpoint"], *rows["target_checkpoint"]} - {*named["checkpoint"]}:
        raise InvalidInputError(f"Expected scores of the checkpoints {list(named['checkpoint'])}; got also those of {unknown}.")
    for side in ("reference", "target"):
        rows = rows.merge(
            named.rename(columns={"name": f"{side}_model", "checkpoint": f"{side}_checkpoint", "order": f"{side}_order"})
        )
    order = {label: number for number, label in enumerate(dict.fromkeys(images_datasets))}
    rows["images_order"] = rows["images_dataset"].map(order)
    rows = rows.sort_values(["images_order", "reference_order", "target_order"], kind="stable").assign(flags="")
    rows[SCORES] = rows[SCORES].where(np.isfinite(rows[SCORES]))
    after = SCORE_COLUMNS.index("target_layer") + 1
    return rows[[*SCORE_COLUMNS[:after], *layer_columns(rows), *SCORE_COLUMNS[after:]]].reset_index(drop=True)


def layer_columns(scores: pd.DataFrame) -> list[str]:
    """Return those of `LAYER_COLUMNS` that a table has."""
    return [column for column in LAYER_COLUMNS if column in scores]


def layer_texts(scores: pd.DataFrame) -> pd.Series:
    """Return what the reference layer of each row is called, with its selector and pooling."""
    selects, poolings = (
        scores[column].astype(object)
        if (column := f"reference_{what}") in scores
        else pd.Series(None, scores.index, dtype=object)
        for what in ("select", "pooling")
    )
    rows = zip(scores["reference_layer"], selects, poolings, strict=True)
    return pd.Series([_layer_text(*row) for row in rows], scores.index, dtype=object)


def _layer_text(layer: str, select: object, pooling: object) -> str:
    # Empty cells of a CSV file are NaN.
    return layer_text(layer, select if isinstance(select, str) else None, pooling if isinstance(pooling, str) else FLATTEN)


def check_rows(
    scores: pd.DataFrame,
    layers: Mapping[str, Sequence[str]],
    *,
    similarity_measures: Sequence[str],
    random_seeds: Sequence[int],
    images_datasets: Sequence[str],
) -> None:
    """Refuse scores that are not what the experiment asks for: one row for each, and no other.

    Parameters
    ----------
    scores : DataFrame
        Of `score_table`.
    layers : mapping
        Name of every model -> its layers, as `stir.names.layer_text` writes them.
    similarity_measures, random_seeds, images_datasets : sequence
        What there must be scores by, and of.

    Raises
    ------
    InvalidInputError
        Naming the first row that is missing, there twice, or not asked for.
    """
    each = product(layers.items(), layers, similarity_measures, random_seeds, dict.fromkeys(images_datasets))
    asked = {(reference, target, layer, *rest) for (reference, own), target, *rest in each for layer in own}
    came = list(scores.assign(reference_layer=layer_texts(scores))[ROW_KEYS].itertuples(index=False, name=None))
    wrong = {
        "missing": list(asked.difference(came)),
        "not asked for": [row for row in came if row not in asked],
        "there twice": [row for row, count in Counter(came).items() if count > 1],
    }
    for what, rows in wrong.items():
        if rows:
            row = ", ".join(f"{key} {value!r}" for key, value in zip(ROW_KEYS, min(rows, key=str), strict=True))
            raise InvalidInputError(
                f"Expected {len(asked)} rows of scores, one for each pair of models, layer, measure, random seed and dataset of "
                f"images; got {len(came)}, of which {len(rows)} are {what}: {row}. "
                "Score again; no two models may be one checkpoint."
            )


def layer_positions(scores: pd.DataFrame) -> pd.Series:
    """Return the place of each row's layer among those of its reference model, from 0.

    Architectures may name their layers differently: the first of one stands beside the first of another.
    """
    by_model = layer_texts(scores).groupby(scores["reference_model"], sort=False)
    return by_model.transform(lambda layers: pd.factorize(layers)[0]).astype(int)


def layer_name(rows: pd.DataFrame) -> str:
    """Return what the layers of these rows are called: one name, or those of several architectures with ``|`` between."""
    return "|".join(layer_texts(rows).unique())


def features_text(rows: pd.DataFrame) -> str:
    """Return how many features the layers of these rows have, such as ``d = 64 to 512``; nothing where that is not known."""
    known = rows["reference_features"].dropna() if "reference_features" in rows else pd.Series(dtype=float)
    return "" if known.empty else "d = " + " to ".join(dict.fromkeys(f"{n:,.0f}" for n in (known.min(), known.max())))


def described(scores: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Add what the table of models says of both models to every score, as ``reference_`` and ``target_`` columns.

    Of a model that was attacked in several ways, the first attack counts.

    Raises
    ------
    InvalidInputError
        If a model is not in the table of models.
    """
    known = models.drop_duplicates("model").set_index("model")
    if absent := {*scores["reference_model"], *scores["target_model"]} - {*known.index}:
        raise InvalidInputError(f"Expected every model in the table of models; got no row of {sorted(absent)}.")
    for side in ("reference", "target"):
        scores = scores.join(known.add_prefix(f"{side}_"), on=f"{side}_model")
    return scores


def model_table(evaluations: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """List every model with its clean and robust accuracy, a row for each attack; one without, if no model is evaluated.

    A model's first attack is the first in ``evaluations``: the ball that it was trained in. ``flag`` is what speaks
    against the model, and empty where nothing does (`stir.flags.model_flag`).

    Parameters
    ----------
    evaluations : sequence of mapping
        What the stage evaluation found.
    models : sequence of mapping
        ``name`` and ``checkpoint`` (key) of every model, and what is known of it: columns of the table, and ``classes``.

    Raises
    ------
    InvalidInputError
        If some models have evaluations, and one has none.
    """
    rows = []
    for model in models:
        found = [evaluation for evaluation in evaluations if evaluation["checkpoint"] == model["checkpoint"]]
        if evaluations and not found:
            raise InvalidInputError(f"Expected an evaluation of every model; got none of {model['name']!r}. Evaluate it first.")
        rows += [_model_row(model, evaluation) for evaluation in found or [{}]]
    further = [column for column in OF_OTHER_LIBRARIES if any(model.get(column) for model in models)]
    return pd.DataFrame(rows, columns=[*MODEL_COLUMNS[:-1], *further, MODEL_COLUMNS[-1]])


def _model_row(model: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    known = {"model": model["name"], **evaluation, **model}
    classes = model.get("classes") or evaluation.get("classes")
    flag = model_flag(evaluation, classes=classes, objective=model.get("objective")) if evaluation else ""
    return {column: known.get(column) for column in (*MODEL_COLUMNS, *OF_OTHER_LIBRARIES)} | {"flag": flag}
