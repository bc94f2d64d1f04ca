"""Columns of the tables, and functions that combine their rows; no torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from io import BufferedReader
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stir.errors import InvalidInputError
from stir.flags import model_flag
from stir.p_values import holm
from stir.table_controls import COMPUTED_COLUMNS, CONTROL_COLUMNS, P_HOLM, P_VALUE, with_holm
from stir.table_layers import layer_columns, layer_texts

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
    *with_holm(CONTROL_COLUMNS),
    *COMPUTED_COLUMNS,
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
PRECISION = "precision_used"
"""Column of experiments that leave the precision of inversions to the machine: which of them descents began in."""
ROW_KEYS = ["reference_model", "target_model", "reference_layer", "similarity_measure", "random_seed", "images_dataset"]
"""Columns that identify a row of a score table."""
SCORES = ["stir", "stir_converged", "similarity"]
TEXT_COLUMNS = [
    f"{side}_{what}"
    for side in ("reference", "target")
    for what in ("checkpoint", "model", "group", "layer", "select", "pooling")
]
TEXT_COLUMNS += ["model", "images_dataset", "training_dataset", "flag", "flags", "normalisation_mean", "normalisation_std"]
TEXT_COLUMNS += ["dtype", "device_kind", "inversion_method", "weights", "input_size", "resize", "code"]
TEXT_COLUMNS += ["value", "own_value"]
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


def read_table(path: Path | BufferedReader) -> pd.DataFrame:
    """Read a CSV table. Keys and names are read as text, even if they look like numbers or missing values: 61145855e0, NA."""
    # Before pandas 3.1, floats lose their last digit unless one asks; since then, asking is deprecated.
    release = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exact: dict[str, Any] = {"float_precision": "round_trip"} if release < (3, 1) else {}
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, "str"), keep_default_na=False, na_values=[""], **exact)


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV, with all digits of its numbers."""
    return table.to_csv(index=False)


def score_table(
    scores: Sequence[pd.DataFrame], models: Sequence[Mapping[str, Any]], images_datasets: Sequence[str]
) -> pd.DataFrame:
    """Combine the scores of all references, with the experiment's names of models; flags are empty.

    P-values are corrected over all rows. The index is the number of each row among those of ``scores`` one after another.
    Infinite scores are left empty, like those that are not numbers.

    Parameters
    ----------
    scores : sequence of DataFrame
        Rows with ``reference_checkpoint`` and ``target_checkpoint`` (keys).
    models : sequence of mapping
        ``name`` and ``checkpoint`` (key) of every model, and of references that are none; their order is the table's.
    images_datasets : sequence of str
        For each of ``scores``, the name of the dataset of its reference images.

    Raises
    ------
    InvalidInputError
        If there are scores of another model, or if there is not one dataset per entry of ``scores``.
    """
    if len(scores) != len(images_datasets):
        raise InvalidInputError(f"Expected a dataset for each of {len(scores)} files of scores; got {len(images_datasets)}.")
    named = pd.DataFrame([{"name": model["name"], "checkpoint": model["checkpoint"]} for model in models])
    named["order"] = range(len(named))
    labelled = [table.assign(images_dataset=label) for table, label in zip(scores, images_datasets, strict=True)]
    rows = pd.concat(labelled, ignore_index=True).reset_index(names="row")
    if unknown := {*rows["reference_checkpoint"], *rows["target_checkpoint"]} - {*named["checkpoint"]}:
        raise InvalidInputError(f"Expected scores of the checkpoints {list(named['checkpoint'])}; got also those of {unknown}.")
    for side in ("reference", "target"):
        rows = rows.merge(
            named.rename(columns={"name": f"{side}_model", "checkpoint": f"{side}_checkpoint", "order": f"{side}_order"})
        )
    order = {label: number for number, label in enumerate(dict.fromkeys(images_datasets))}
    rows["images_order"] = rows["images_dataset"].map(order)
    rows = rows.sort_values(["images_order", "reference_order", "target_order"], kind="stable").assign(flags="")
    rows = rows.set_index("row").rename_axis(None)
    rows[SCORES] = rows[SCORES].where(np.isfinite(rows[SCORES]))
    rows[P_HOLM] = holm(rows[P_VALUE])
    after = SCORE_COLUMNS.index("target_layer") + 1
    precision = [PRECISION] if PRECISION in rows else []
    return rows[[*SCORE_COLUMNS[:after], *layer_columns(rows), *precision, *SCORE_COLUMNS[after:]]]


def check_rows(
    scores: pd.DataFrame,
    layers: Mapping[str, Sequence[str]],
    *,
    similarity_measures: Sequence[str],
    random_seeds: Sequence[int],
    images_datasets: Sequence[str],
    targets: Sequence[str] | None = None,
    own_random_seeds: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Refuse scores whose rows are not exactly those of the experiment.

    Parameters
    ----------
    scores : DataFrame
        From `score_table`.
    layers : mapping
        Name of every model, and of every reference that is none -> its layers, as `stir.names.layer_text` writes them.
    similarity_measures, random_seeds, images_datasets : sequence
        The values for which scores are required.
    targets : sequence of str, optional
        The models; by default all that have layers.
    own_random_seeds : mapping, optional
        Name of a reference -> its random seeds, where they are others.

    Raises
    ------
    InvalidInputError
        Naming the first row that is missing, repeated, or unexpected.
    """
    asked = {
        row
        for reference, of_reference in layers.items()
        for row in product(
            [reference],
            layers if targets is None else targets,
            of_reference,
            similarity_measures,
            (own_random_seeds or {}).get(reference, random_seeds),
            dict.fromkeys(images_datasets),
        )
    }
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
                f"Expected {len(asked)} rows of scores, one per pair of models, layer, measure, random seed and dataset of "
                f"images; got {len(came)}, of which {len(rows)} are {what}: {row}. "
                "Score again; two models must not share one checkpoint."
            )


def described(scores: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of the table of models to every score, for both models, as ``reference_`` and ``target_`` columns.

    If a model was evaluated with several attacks, the first one is used.

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
    """List every model with its clean and robust accuracy, with one row per attack; one row if no model is evaluated.

    A model's first attack is the first in ``evaluations``: the ball that it was trained in. ``flag`` is the reason
    why the model cannot be trusted, or empty (`stir.flags.model_flag`).

    Parameters
    ----------
    evaluations : sequence of mapping
        Results of the stage evaluation.
    models : sequence of mapping
        ``name`` and ``checkpoint`` (key) of every model, further columns of the table, and ``classes``.

    Raises
    ------
    InvalidInputError
        If some models have evaluations, and one has none.
    """
    rows = []
    for model in models:
        found = [evaluation for evaluation in evaluations if evaluation["checkpoint"] == model["checkpoint"]]
        if evaluations and not found:
            raise InvalidInputError(f"Expected an evaluation of every model; got none for {model['name']!r}. Evaluate it first.")
        rows += [_model_row(model, evaluation) for evaluation in found or [{}]]
    further = [column for column in OF_OTHER_LIBRARIES if any(model.get(column) for model in models)]
    return pd.DataFrame(rows, columns=[*MODEL_COLUMNS[:-1], *further, MODEL_COLUMNS[-1]])


def _model_row(model: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    known = {"model": model["name"], **evaluation, **model}
    classes = model.get("classes") or evaluation.get("classes")
    flag = model_flag(evaluation, classes=classes, objective=model.get("objective")) if evaluation else ""
    return {column: known.get(column) for column in (*MODEL_COLUMNS, *OF_OTHER_LIBRARIES)} | {"flag": flag}
