"""Scores of one reference model as one sealed HDF5 file."""

from pathlib import Path

import pandas as pd

from stir.score_files import COLUMNS, PAIRS, PER_IMAGE, ROWS, WITHOUT_EACH, names_of_columns, table_of
from stir.score_files import Scores as Scores
from stir_workflow.store.hdf5 import read_arrays, read_attribute, write_arrays
from stir_workflow.store.identity import Recipe


def write_scores(path: Path, scores: Scores, recipe: Recipe, *, device_kind: str) -> None:
    """Write scores; texts that are missing are stored as empty ones.

    Raises
    ------
    OSError
        If the disk is too full.
    """
    write_arrays(path, scores.arrays(), recipe, device="cpu", device_kind=device_kind, attributes=scores.attributes())


def read_scores(path: Path) -> Scores:
    """Read the scores of a sealed file.

    Raises
    ------
    ArtifactError
        If the file is not what its seal says, or is no file of scores.
    """
    without_each, per_image = read_arrays(path, WITHOUT_EACH, PER_IMAGE)
    return Scores(_table(path, ROWS), without_each, _table(path, PAIRS), per_image)


def _table(path: Path, group: str) -> pd.DataFrame:
    names = names_of_columns(read_attribute(path, COLUMNS[group]))
    arrays = read_arrays(path, *(f"{group}/{name}" for name in names))
    return table_of(dict(zip(names, arrays, strict=True)))
