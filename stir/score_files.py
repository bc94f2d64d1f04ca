"""Scores as HDF5 files hold them: a table of rows, and arrays with a value per image; no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stir.hdf5 import Labelled, texts

ROWS, PAIRS = "rows", "pairs"
"""Groups of the file, with one array per column of a table."""
COLUMNS = {ROWS: "columns_of_rows", PAIRS: "columns_of_pairs"}
"""Group -> attribute of the file that lists its columns in order, as JSON."""
WITHOUT_EACH, PER_IMAGE = "without_each", "per_image"


@dataclass(frozen=True)
class Scores:
    """Scores of all target models and their controls."""

    rows: pd.DataFrame
    """One row per target model, layer, inversion and similarity measure."""
    without_each: np.ndarray
    """(rows, n) float64: STIR without each image; NaN where the measure has no jackknife or there are too few images."""
    pairs: pd.DataFrame
    """``target_checkpoint``, ``layer`` of the reference model and ``random_seed``: one row per target model and inversion."""
    per_image: np.ndarray
    """(pairs, n) float64: `stir.similarity.pnka` of m2(X) and m2(X'); NaN where it is undefined."""

    def arrays(self) -> dict[str, Labelled]:
        """Return the arrays of a file; texts that are missing are stored as empty ones."""
        return (
            columns_as_arrays(self.rows, ROWS)
            | columns_as_arrays(self.pairs, PAIRS)
            | {
                WITHOUT_EACH: Labelled(self.without_each, ("row", "image"), "STIR without this image"),
                PER_IMAGE: Labelled(self.per_image, ("pair", "image"), "PNKA of m2(X) and m2(X')"),
            }
        )

    def attributes(self) -> dict[str, str]:
        """Return the attributes of a file."""
        return {COLUMNS[group]: json.dumps(list(table)) for group, table in ((ROWS, self.rows), (PAIRS, self.pairs))}


def columns_as_arrays(table: pd.DataFrame, group: str) -> dict[str, Labelled]:
    """Return the columns of a table as arrays of a group."""
    return {f"{group}/{name}": Labelled(_stored(column), (group.removesuffix("s"),), str(name)) for name, column in table.items()}


def _stored(column: pd.Series) -> np.ndarray:
    """Return numbers as they are, and texts as UTF-8 of one length, so that the same table gives the same bytes."""
    if column.dtype.kind in "biuf":
        return column.to_numpy()
    return texts(["" if pd.isna(text) else str(text) for text in column])


def names_of_columns(attribute: object) -> list[str]:
    """Return the names of columns that an attribute lists.

    Raises
    ------
    ValueError
        If it lists none.
    """
    names = json.loads(attribute) if isinstance(attribute, str) else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("expected a list of columns")
    return names


def table_of(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the table whose columns were stored."""
    return pd.DataFrame({name: _read(array) for name, array in columns.items()})


def as_stored(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the types that it has once it was stored and read."""
    return table_of({str(name): _stored(column) for name, column in table.items()})


def _read(array: np.ndarray) -> np.ndarray | list[str | None]:
    if array.dtype.kind != "S":
        return array
    return [text.decode() or None for text in array.tolist()]
