"""Rows of the table of models -> the models of a report."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stir.flags import SEPARATOR
from stir_workflow.report.content import LearningCurve, Model, RobustAccuracy
from stir_workflow.report.scores import number, text, whole

FACTS = {
    "width": "width",
    "n_train": "training images",
    "weights": "weights",
    "code": "code",
    "input_size": "input size",
    "resize": "resize",
    "normalisation_mean": "normalisation mean",
    "normalisation_std": "normalisation sd",
}
"""Column -> what readers are told that it is."""


def models_of(
    scores: pd.DataFrame,
    models: pd.DataFrame,
    groups: Mapping[str, str],
    curves: Mapping[str, LearningCurve] | None = None,
) -> list[Model]:
    """Return the models, and the references that are none, in the order of the tables.

    Parameters
    ----------
    scores, models : DataFrame
        Tables.
    groups : mapping
        Model name -> group, where it is known; else it follows from the name and the training seed.
    curves : mapping, optional
        Model name -> learning curve, where one is known.
    """
    found = [_model(str(name), rows, groups, curves or {}) for name, rows in models.groupby("model", sort=False)]
    known = {model.name for model in found}
    references = [name for name in dict.fromkeys(scores["reference_model"]) if name not in known]
    return found + [Model(name, groups.get(name, name), is_target=False) for name in references]


def _model(name: str, rows: pd.DataFrame, groups: Mapping[str, str], curves: Mapping[str, LearningCurve]) -> Model:
    first = rows.to_dict("records")[0]
    seed = whole(first.get("training_seed"))
    flags = (part for flag in rows.get("flag", pd.Series(dtype=str)).dropna() for part in str(flag).split(SEPARATOR))
    return Model(
        name=name,
        group=groups.get(name, group_of(name, seed)),
        architecture=text(first.get("architecture")) or None,
        training=text(first.get("objective")) or None,
        training_dataset=text(first.get("training_dataset")) or None,
        random_seed=seed,
        clean_accuracy=number(first["clean_accuracy"]),
        robust_accuracies=[found for row in rows.to_dict("records") if (found := _robust(row))],
        flags=list(dict.fromkeys(filter(None, flags))),
        learning_curve=curves.get(name),
        facts={label: _fact(first[column]) for column, label in FACTS.items() if text(first.get(column))},
    )


def group_of(name: str, training_seed: int | None) -> str:
    """Return the group of a model whose name ends with its training seed."""
    return name if training_seed is None else re.sub(rf"-{training_seed}\Z", "", name)


def _robust(row: Mapping[Any, Any]) -> RobustAccuracy | None:
    accuracy = number(row["robust_accuracy"])
    if accuracy is None:
        return None
    eps, steps = number(row.get("attack_eps"), 6), whole(row.get("attack_steps"))
    parts = [f"PGD in {text(row.get('attack_norm')) or 'an unknown norm'}"]
    parts += [] if eps is None else [f"eps {eps:g}"]
    return RobustAccuracy(", ".join(parts + ([] if steps is None else [f"{steps} steps"])), accuracy, whole(row.get("n_images")))


def _fact(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def groups_in_order(models: Sequence[Model]) -> list[str]:
    """Return each group once."""
    return list(dict.fromkeys(model.group for model in models))
