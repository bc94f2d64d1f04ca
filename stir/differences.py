"""Table of differences between the mean STIR of two cells of a summary, with paired intervals; no torch."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd

from stir.cells import ERROR_COLUMNS, Cell
from stir.standard_errors import interval

MOST_GROUPS = 12
"""Groups up to which references are compared for each target: of G groups there are G² (G − 1) / 2 such differences."""
DIRECTION, REFERENCES, WITHIN = "direction", "references", "within groups"
"""Kinds of comparison: A|B with B|A; B|A with B|C; A|A with B|B, targets before references."""
SAME = ["similarity_measure", "inversion_method", "seed_images", "images_dataset"]
DIFFERENCE_COLUMNS = [
    "comparison",
    *(f"{which}_{side}_group" for which in ("first", "second") for side in ("reference", "target")),
    "reference_layer",
    *SAME,
    "stir_difference",
    "stir_difference_low",
    "stir_difference_high",
    *ERROR_COLUMNS,
]


def difference_table(summary: pd.DataFrame, cells: Sequence[Cell], layers: pd.Series) -> pd.DataFrame:
    """List the differences between cells that share layer, measure, images and inversions.

    Parameters
    ----------
    summary : DataFrame
        From `stir.summaries.summary_table`: a row per cell.
    cells : sequence of Cell
        Of these rows.
    layers : Series
        Position of each cell's layer among those of its reference model: architectures may name them differently.
    """
    found = []
    for _, rows in summary.assign(layer=layers.to_numpy()).groupby(["layer", *SAME], sort=False, dropna=False):
        by_groups = dict(zip(zip(rows["reference_group"], rows["target_group"], strict=True), rows.index, strict=True))
        for kind, first, second in _compared(by_groups):
            found.append(_row(kind, summary, cells, (by_groups[first], by_groups[second])))
    return pd.DataFrame(found, columns=DIFFERENCE_COLUMNS)


def _compared(cells: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, tuple[str, str], tuple[str, str]]]:
    """Yield pairs of cells, (reference group, target group) each."""
    groups = list(dict.fromkeys(group for cell in cells for group in cell))
    for a, b in combinations(groups, 2):
        candidates = [(DIRECTION, (a, b), (b, a)), (WITHIN, (a, a), (b, b))]
        if len(groups) <= MOST_GROUPS:
            candidates += [(REFERENCES, (a, target), (b, target)) for target in groups]
        yield from (each for each in candidates if each[1] in cells and each[2] in cells)


def _row(kind: str, summary: pd.DataFrame, cells: Sequence[Cell], numbers: tuple[int, int]) -> dict[str, object]:
    (first, second), difference = (summary.loc[number] for number in numbers), cells[numbers[0]] - cells[numbers[1]]
    errors = difference.errors()
    low, high = interval(difference.mean, errors.combined)
    groups = {
        f"{which}_{side}_group": row[f"{side}_group"]
        for which, row in (("first", first), ("second", second))
        for side in ("reference", "target")
    }
    names: dict[str, None] = dict.fromkeys(str(row["reference_layer"]) for row in (first, second))
    return {
        "comparison": kind,
        **groups,
        "reference_layer": "|".join(names),
        **first[SAME],
        "stir_difference": difference.mean,
        "stir_difference_low": low,
        "stir_difference_high": high,
        **errors.columns(),
    }
