"""What is drawn: a table of scores, from a result, a data frame or a CSV file; its subset, order and display names."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from pandas.errors import EmptyDataError, ParserError

from stir.errors import InvalidInputError, near_matches
from stir.files import open_file
from stir.names import printable, shortened, shown
from stir.table_layers import layer_positions, layer_texts
from stir.tables import read_table

Results: TypeAlias = Any
"""A result that has a table of scores, a data frame, or the path of a CSV file."""
NAMES = ("reference_model", "target_model", "reference_layer", "similarity_measure", "inversion_method")
NUMBERS = ("random_seed", "stir", "similarity", "n_images", "inversion_error_median", "converged_fraction")
LABEL = "images_dataset"
CONTROLS = ("stir_low", "stir_high", "stir_excess", "stir_ceiling", "stir_noise", "stir_untrained", "stir_seed_floor")
MODELS_BESIDE = "-models.csv"
OF_MODELS = ("model", "architecture", "objective", "training_dataset", "n_train")
REMEDY = "Pass results/tables/NAME.csv of this version; `make run` makes it again"
LONGEST = 200
"""Characters of a name."""


@dataclass(frozen=True)
class Selection:
    """Which rows of a table are drawn, in which order, under which names."""

    models: Sequence[str] | None = None
    """Names in the table; by default all, in its order."""
    names: Mapping[str, str] | None = None
    """Model -> what figures call it."""
    layer: str | None = None
    """As tables name it; by default the last one."""
    similarity_measure: str | None = None
    """By default the first one."""
    images_dataset: str | None = None
    """By default all."""


@dataclass(frozen=True)
class Tables:
    """A table of scores, and of models where there is one, and what messages call it."""

    scores: pd.DataFrame
    models: pd.DataFrame | None
    where: str


def read_scores(results: Results, models_table: Results = None) -> Tables:
    """Return the tables of a result.

    Parameters
    ----------
    results : object with to_frame, DataFrame, str or Path
        Scores; beside the file ``NAME.csv`` the table of models is read from ``NAME-models.csv``, if it is there.
    models_table : DataFrame, str or Path, optional
        The table of models.

    Raises
    ------
    InvalidInputError
        If a file cannot be read, or lacks columns.
    """
    scores, where = _table(results, "a table of scores")
    _check(scores, where, (*NAMES, *NUMBERS, LABEL), NUMBERS, "table of scores")
    if models_table is None and isinstance(results, str | os.PathLike):
        beside = Path(results).with_name(f"{Path(results).stem}{MODELS_BESIDE}")
        models_table = beside if beside.is_file() else None
    models = None
    if models_table is not None:
        models, of_models = _table(models_table, "a table of models")
        _check(models, of_models, OF_MODELS, (), "table of models")
    scores = scores.assign(**{LABEL: scores[LABEL].fillna("")}).astype(dict.fromkeys((*NAMES, LABEL), str))
    return Tables(scores, models, where)


def _table(results: Results, what: str) -> tuple[pd.DataFrame, str]:
    if isinstance(results, pd.DataFrame):
        return results, f"{what} given"
    if hasattr(results, "to_frame"):
        return results.to_frame(), f"{what} of {type(results).__name__}"
    if not isinstance(results, str | os.PathLike):
        raise InvalidInputError(f"Expected {what}: a result, a data frame or a path; got {shortened(results)}. {REMEDY}.")
    path = Path(results)
    try:
        with open_file(path) as file:
            return read_table(file), shown(path)
    except (OSError, ParserError, EmptyDataError, ValueError) as error:
        problem = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidInputError(f"Expected {what} as CSV at {shown(path)}; {printable(problem[0])}. {REMEDY}.") from error


def _check(table: pd.DataFrame, where: str, needed: Sequence[str], numbers: Sequence[str], what: str) -> None:
    """Refuse a table that lacks columns or models, or has a text where a number is needed."""
    if missing := [name for name in needed if name not in table]:
        raise InvalidInputError(f"Expected a {what} with the columns {', '.join(missing)}; {where} has none of these. {REMEDY}.")
    if table.empty:
        raise InvalidInputError(f"Expected a {what} with rows; {where} has none. {REMEDY}.")
    found = [*numbers, *(name for name in CONTROLS if numbers and name in table)]
    if wrong := [name for name in found if not pd.api.types.is_numeric_dtype(table[name]) and table[name].notna().any()]:
        raise InvalidInputError(
            f"Expected numbers in column {wrong[0]} of {where}; got {shortened(table[wrong[0]].iloc[0])}. {REMEDY}."
        )
    texts = [name for name in ("model", *NAMES) if name in needed]
    for name in texts:
        bad = table[name].isna() | (table[name].astype(str).str.len() > LONGEST)
        if bad.any():
            value = shortened(table.loc[bad, name].iloc[0])
            raise InvalidInputError(
                f"Expected a name of at most {LONGEST} characters in each row of column {name} of {where}; got {value}."
            )


def select(tables: Tables, selection: Selection, *, one_layer: bool) -> Tables:
    """Return the rows that are drawn, with display names in place of the models'.

    Parameters
    ----------
    tables : Tables
        From `read_scores`.
    selection : Selection
        Which rows.
    one_layer : bool
        Whether only one layer is drawn.

    Raises
    ------
    InvalidInputError
        If there is no such model, layer, measure or dataset, with near matches; or two models share a display name.
    """
    scores, where = tables.scores, tables.where
    known = list(dict.fromkeys([*scores["reference_model"], *scores["target_model"]]))
    names = display_names(selection.names or {}, known, where)
    measures = list(scores["similarity_measure"].unique())
    measure = _known("similarity measure", selection.similarity_measure or measures[0], measures, where)
    positions = layer_positions(scores)
    wanted = scores["similarity_measure"] == measure
    if selection.layer is not None:
        texts = layer_texts(scores)
        wanted &= positions.isin(positions[texts == _known("layer", selection.layer, list(texts.unique()), where)])
    elif one_layer:
        wanted &= positions == positions.max()
    if selection.images_dataset is not None:
        labels = list(scores[LABEL].unique())
        wanted &= scores[LABEL] == _known("dataset of images", selection.images_dataset, labels, where)
    chosen = _models(selection.models, known, where)
    order = {model: number for number, model in enumerate(chosen)}
    rows = scores[wanted & scores["reference_model"].isin(chosen) & scores["target_model"].isin(chosen)]
    if rows.empty:
        raise InvalidInputError(
            f"Expected scores of {', '.join(chosen)} in {where}; there are none of them. Choose other models."
        )
    if selection.models is not None:
        places = [rows[f"{side}_model"].map(order) for side in ("reference", "target")]
        rows = rows.assign(_first=places[0], _second=places[1]).sort_values([LABEL, "_first", "_second"], kind="stable")
        rows = rows.drop(columns=["_first", "_second"])
    renamed = {f"{side}_model": rows[f"{side}_model"].map(names) for side in ("reference", "target")}
    layers = {name: rows[name].map(literal) for name in ("reference_layer", "target_layer") if name in rows}
    models = tables.models
    if models is not None:
        models = models.assign(model=models["model"].map(lambda model: names.get(model, model)))
    return Tables(rows.assign(**renamed, **layers), models, where)


def _models(models: Sequence[str] | None, known: Sequence[str], where: str) -> list[str]:
    if models is None:
        return list(known)
    chosen = [_known("model", model, known, where) for model in models]
    if not chosen or len(set(chosen)) < len(chosen):
        raise InvalidInputError(f"Expected models, each once; got {shortened(list(models))}. Name each once.")
    return chosen


def display_names(names: Mapping[str, str], known: Sequence[str], where: str) -> dict[str, str]:
    """Return what figures call every model.

    Raises
    ------
    InvalidInputError
        If a name is given to a model that is not there, is no text, or is given twice.
    """
    if not isinstance(names, Mapping):
        raise InvalidInputError(
            f"Expected display names as a mapping of models to names; got {shortened(names)}. Write MODEL: NAME."
        )
    for model, name in names.items():
        _known("model with a display name", model, known, where)
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST:
            raise InvalidInputError(
                f"Expected a text of at most {LONGEST} characters as the name of {model}; got {shortened(name)}."
            )
    called = {model: literal(names.get(model, model)) for model in known}
    if len(set(called.values())) < len(called):
        twice = next(name for name in called.values() if list(called.values()).count(name) > 1)
        raise InvalidInputError(
            f"Expected a display name of its own for each model of {where}; got {shortened(twice)} twice. Change one."
        )
    return called


def literal(text: object) -> str:
    """Return a text as matplotlib shows it letter by letter, with no formula in it."""
    return printable(str(text)).replace("$", r"\$")


def _known(kind: str, name: object, known: Sequence[str], where: str) -> str:
    if not isinstance(name, str) or name not in known:
        raise InvalidInputError(f"Unknown {kind} {shortened(name)} in {where}. {near_matches(str(name), known)}")
    return name
