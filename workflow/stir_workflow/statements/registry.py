"""Statements by name, and their verdicts on a table."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from stir.errors import InvalidInputError, check_known
from stir_workflow.statements.defences import defences
from stir_workflow.statements.losses_architectures import losses_architectures
from stir_workflow.statements.more_data import more_data
from stir_workflow.statements.pairs import WITHOUT_EACH, pairs_of
from stir_workflow.statements.random_init import random_init
from stir_workflow.statements.random_init_layers import random_init_layers
from stir_workflow.statements.training_datasets import training_datasets
from stir_workflow.statements.verdict import VERDICT_COLUMNS, Row

STATEMENTS: dict[str, Callable[[pd.DataFrame], list[Row]]] = {
    "random_init": random_init,
    "losses_architectures": losses_architectures,
    "training_datasets": training_datasets,
    "random_init_layers": random_init_layers,
    "defences": defences,
    "more_data": more_data,
}
"""Name -> function of ``pairs``: the rows of `stir_workflow.statements.pairs.pairs_of` for one dataset of images."""


def judge(
    names: Sequence[str],
    scores: pd.DataFrame,
    models: pd.DataFrame,
    *,
    similarity_measure: str = "linear_cka",
    without_each: np.ndarray | None = None,
) -> pd.DataFrame:
    """Judge statements on the tables of an experiment.

    Parameters
    ----------
    names : sequence of str
        Keys of `STATEMENTS`.
    scores : DataFrame
        Of `stir.tables.score_table`; only pairs of different models are read.
    models : DataFrame
        Of `stir.tables.model_table`.
    similarity_measure : str
        S_rep to judge by; the poster's is linear CKA.
    without_each : array of shape (rows, n), optional
        STIR of each row of ``scores`` without each image; without it, intervals are not over images.

    Returns
    -------
    DataFrame
        A row for each part of each statement and each dataset of images, with `VERDICT_COLUMNS`: ``value`` with its
        95% interval ``low`` to ``high``, the ``unit`` that it is over (such as ``trainings and images``) and the number ``n`` of
        the first of these, the ``threshold``, and the ``verdict``: ``holds`` if
        the whole interval is on the claimed side, ``fails`` if on the other, else, or with a ``flag``, ``undecided``.
        ``flags`` are those of the scores that it was computed from, with the models named; they decide nothing.

    Raises
    ------
    InvalidInputError
        If a name is unknown (with near matches), or a statement's models or scores are missing.
    """
    for name in names:
        check_known("statement", name, STATEMENTS)
    if without_each is not None:
        scores = scores.assign(**{WITHOUT_EACH: pd.Series(list(without_each), scores.index)})
    return judge_pairs(names, pairs_of(scores, models, similarity_measure))


def judge_pairs(names: Sequence[str], pairs: pd.DataFrame) -> pd.DataFrame:
    """Judge statements on pairs, apart for each dataset of images."""
    rows = []
    for name in names:
        for _, of_images in pairs.groupby("images_dataset", sort=False):
            rows += [{"statement": name, **row} for row in _named(name, of_images)]
    return pd.DataFrame(rows, columns=VERDICT_COLUMNS)


def _named(name: str, pairs: pd.DataFrame) -> list[Row]:
    try:
        return STATEMENTS[name](pairs)
    except InvalidInputError as error:
        raise InvalidInputError(f"Statement {name!r}: {error}") from error
