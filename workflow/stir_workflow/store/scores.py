"""Scores of one reference model as one HDF5 file: a table of rows, and arrays with a value per image."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stir_workflow.store.hdf5 import Labelled, read_arrays, read_attribute, texts, write_arrays
from stir_workflow.store.identity import Recipe

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


def write_scores(path: Path, scores: Scores, recipe: Recipe, *, device_kind: str) -> None:
    """Write scores; texts that are missing are stored as empty ones.

    Raises
    ------
    OSError
        If the disk is too full.
    """
    arrays = _columns(scores.rows, ROWS) | _columns(scores.pairs, PAIRS)
    arrays[WITHOUT_EACH] = Labelled(scores.without_each, ("row", "image"), "STIR without this image")
    arrays[PER_IMAGE] = Labelled(scores.per_image, ("pair", "image"), "PNKA of m2(X) and m2(X')")
    attributes = {COLUMNS[group]: json.dumps(list(table)) for group, table in ((ROWS, scores.rows), (PAIRS, scores.pairs))}
    write_arrays(path, arrays, recipe, device="cpu", device_kind=device_kind, attributes=attributes)


def read_scores(path: Path) -> Scores:
    """Read the scores of a sealed file.

    Raises
    ------
    ArtifactError
        If the file is not what its seal says, or is no file of scores.
    """
    without_each, per_image = read_arrays(path, WITHOUT_EACH, PER_IMAGE)
    return Scores(_table(path, ROWS), without_each, _table(path, PAIRS), per_image)


def _columns(table: pd.DataFrame, group: str) -> dict[str, Labelled]:
    return {f"{group}/{name}": Labelled(_stored(column), (group.removesuffix("s"),), str(name)) for name, column in table.items()}


def _stored(column: pd.Series) -> np.ndarray:
    """Return numbers as they are, and texts as UTF-8 of one length, so that the same table gives the same bytes."""
    if column.dtype.kind in "biuf":
        return column.to_numpy()
    return texts(["" if pd.isna(text) else str(text) for text in column])


def _table(path: Path, group: str) -> pd.DataFrame:
    names = json.loads(read_attribute(path, COLUMNS[group]) or "[]")
    arrays = read_arrays(path, *(f"{group}/{name}" for name in names))
    return pd.DataFrame({name: _read(array) for name, array in zip(names, arrays, strict=True)})


def _read(array: np.ndarray) -> np.ndarray | list[str | None]:
    if array.dtype.kind != "S":
        return array
    return [text.decode() or None for text in array.tolist()]
