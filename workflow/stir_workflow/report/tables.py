"""Read the tables of an experiment, whatever version wrote them, and refuse those that cannot be read as such."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stir.errors import InvalidInputError
from stir.names import shortened, shown
from stir.tables import ROW_KEYS, SCORES, read_table

PARTS = ("", "-models", "-summary", "-differences", "-verdicts")
"""Endings of the tables that a report reads; of these, the first two must be there."""
NEEDED = {
    "": [*ROW_KEYS, "target_layer", "stir", "similarity", "n_images"],
    "-models": ["model", "clean_accuracy", "robust_accuracy"],
    "-summary": ["reference_group", "target_group", "reference_layer", "similarity_measure", "stir_mean", "similarity_mean"],
    "-differences": ["comparison", "first_reference_group", "second_target_group", "stir_difference", "stir_difference_low"],
    "-verdicts": ["statement", "part", "claim", "value", "low", "high", "threshold", "n", "unit", "verdict"],
}
"""Columns without which a table says nothing; others are left empty where an earlier version did not write them."""
NUMBERS = {
    "": [*SCORES[:1], "similarity", "n_images", "random_seed"],
    "-models": ["clean_accuracy", "robust_accuracy"],
    "-summary": ["stir_mean", "similarity_mean"],
    "-differences": ["stir_difference", "stir_difference_low"],
    "-verdicts": ["value", "low", "high"],
}
REMEDY = "run the experiment again with this version, or name a folder with tables of one experiment"


@dataclass(frozen=True)
class Tables:
    """Tables of one experiment; None where there is none."""

    scores: pd.DataFrame
    models: pd.DataFrame
    summary: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None
    verdicts: pd.DataFrame | None = None
    files: tuple[str, ...] = ()
    """Names of the files that they were read from."""


def read_tables(files: Mapping[str, Path], experiment: str, *, where: str = "results/tables") -> Tables:
    """Read an experiment's tables.

    Parameters
    ----------
    files : mapping
        Name of a file, such as ``NAME-models.csv`` -> where it is; of other files too.
    experiment : str
        NAME.
    where : str
        Where they were looked for, as messages name it.

    Raises
    ------
    InvalidInputError
        Naming the file that is missing, cannot be read, or has not the columns of such a table.
    """
    found = {part: files[name] for part in PARTS if (name := f"{experiment}{part}.csv") in files}
    for part in PARTS[:2]:
        if part not in found:
            raise InvalidInputError(f"Expected the table {experiment}{part}.csv in {shown(where)}; got none. Do this: {REMEDY}.")
    tables = {part: _read(path, part) for part, path in found.items()}
    _check_scores(found[""], tables[""])
    _check_models(found["-models"], tables[""], tables["-models"])
    summary, differences, verdicts = (tables.get(part) for part in PARTS[2:])
    return Tables(tables[""], tables["-models"], summary, differences, verdicts, tuple(path.name for path in found.values()))


def _read(path: Path, part: str) -> pd.DataFrame:
    try:
        table = read_table(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInputError(f"Expected a table of CSV; {shown(path)} cannot be read ({what}). Do this: {REMEDY}.") from None
    if missing := [column for column in NEEDED[part] if column not in table]:
        raise InvalidInputError(
            f"Expected a table NAME{part}.csv of this workflow; {shown(path)} has no column {', '.join(missing)}: it is of "
            f"another version, or another table. Do this: {REMEDY}."
        )
    for column in NUMBERS[part]:
        numbers = pd.to_numeric(table[column], errors="coerce")
        if (wrong := numbers.isna() & table[column].notna()).any():
            raise InvalidInputError(
                f"Expected numbers in the column {column} of {shown(path)}; got {shortened(table[column][wrong].iloc[0])}. "
                f"Do this: {REMEDY}."
            )
        table[column] = numbers
    return table.replace([np.inf, -np.inf], np.nan)


def _check_scores(path: Path, scores: pd.DataFrame) -> None:
    """Refuse a table without rows, and one with two rows of one pair, layer, measure, seed and dataset."""
    keys = [*ROW_KEYS, *(column for column in ("reference_select", "reference_pooling") if column in scores)]
    if scores.empty:
        raise InvalidInputError(f"Expected rows of scores in {shown(path)}; there are none. Do this: {REMEDY}.")
    if (twice := scores.duplicated(keys)).any():
        row = ", ".join(map(str, scores[keys][twice].iloc[0]))
        raise InvalidInputError(f"Expected one row per pair, layer, measure and seed in {shown(path)}; got two of {row}.")


def _check_models(path: Path, scores: pd.DataFrame, models: pd.DataFrame) -> None:
    if absent := sorted({*scores["target_model"]} - {*models["model"]}):
        raise InvalidInputError(
            f"Expected every model of the scores in {shown(path)}; got no row of {', '.join(absent)}. Do this: {REMEDY}."
        )
