"""Rows of score tables -> cells of a report."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from stir.flags import MEANINGS, SEPARATOR
from stir.table_layers import layer_positions, layer_texts
from stir_workflow.report.content import Cell, GroupCell, Verdict

DECIMALS = 4
MEANS = {
    **{name: name for name in ("stir", "stir_low", "stir_high", "similarity", "stir_excess", "stir_ceiling", "stir_noise")},
    **{name: name for name in ("stir_seed_floor", "stir_untrained", "stir_null_p95")},
    "inversion_error": "inversion_error_median",
    "same_class_fraction": "same_class_fraction",
    "target_same_class_fraction": "target_same_class_fraction",
}
"""Field of a cell -> column, of which it is the mean over inversion seeds: unknown where one of them is."""
EXTREMES = {"stir_null_p_holm": "max", "converged_fraction": "min"}
OF_GROUPS = {
    **{"stir": "stir_mean", "stir_low": "stir_low", "stir_high": "stir_high", "similarity": "similarity_mean"},
    **{name: f"{name}_mean" for name in ("stir_excess", "stir_ceiling", "stir_noise", "stir_seed_floor", "stir_untrained")},
}
MOST_CELLS = 60_000
"""About 8 MB of the page."""


def number(value: Any, decimals: int = DECIMALS) -> float | None:
    """Return a number as the page has it; None if it is missing, NaN or infinite."""
    if value is None or pd.isna(value) or not math.isfinite(float(value)):
        return None
    return round(float(value), decimals)


def whole(value: Any) -> int | None:
    """Return a whole number; None if it is missing."""
    found = number(value, 0)
    return None if found is None else int(found)


def labels_of(scores: pd.DataFrame, labels: Sequence[str] = ()) -> list[str]:
    """Return what the report calls the layer at each position: the experiment's label, or the models' names; all differ."""
    texts = layer_texts(scores).groupby(layer_positions(scores).to_numpy()).unique()
    found = [labels[number] if number < len(labels) else "|".join(names) for number, names in enumerate(texts)]
    return [label if found.count(label) == 1 else f"{label} ({number + 1})" for number, label in enumerate(found)]


def cells_of(scores: pd.DataFrame, layers: Sequence[str]) -> list[Cell]:
    """Average rows over their inversion seeds.

    Parameters
    ----------
    scores : DataFrame
        A table of scores with ``flags``.
    layers : sequence of str
        From `labels_of`.
    """
    rows = scores.assign(layer=layer_positions(scores).map(dict(enumerate(layers))), text=layer_texts(scores))
    keys = ["reference_model", "target_model", "layer", "similarity_measure", "images_dataset"]
    groups = rows.groupby(keys, sort=False, dropna=False)
    columns = [column for column in dict.fromkeys(MEANS.values()) if column in rows]
    means = groups[columns].mean().where(groups[columns].count().eq(groups.size(), axis=0))
    numbers = pd.DataFrame({field: means[column] for field, column in MEANS.items() if column in means}, means.index)
    for field, which in EXTREMES.items():
        if field in rows:
            numbers[field] = groups[field].agg(which)
    numbers["stir_sd_inversion_seeds"] = groups["stir"].std()
    numbers = numbers.astype(float).round({name: DECIMALS for name in numbers if name != "stir_null_p_holm"})
    whole_numbers = pd.DataFrame({"n_images": groups["n_images"].first(), "n_inversion_seeds": groups["random_seed"].nunique()})
    texts = pd.DataFrame({"reference_layer": groups["text"].first(), "target_layer": groups["target_layer"].first()})
    known = numbers.astype(object).where(numbers.notna(), None)
    fields = pd.concat([texts, known, whole_numbers.astype(int).astype(object)], axis=1).assign(flags=groups["flags"].agg(_words))
    named: list[dict[Any, Any]] = fields.reset_index().to_dict("records")
    return [Cell(**row) for row in named]


def _words(flags: pd.Series) -> list[str]:
    found = {word for text in flags.dropna() for word in str(text).split(SEPARATOR) if word}
    return sorted(found, key=lambda word: (list(MEANINGS).index(word) if word in MEANINGS else len(MEANINGS), word))


def within_bounds(
    cells: Sequence[Cell], shown_measure: str, shown_layer: str, most: int = MOST_CELLS
) -> tuple[list[Cell], list[str]]:
    """Return whole matrices of cells as long as they fit, those shown first before others, and which were left out."""
    matrices = Counter(map(_matrix, cells))
    order = sorted(matrices, key=lambda key: (key[1] != shown_measure or key[2] != shown_layer, key[1] != shown_measure))
    kept: set[tuple[str, str, str]] = set()
    room = most
    for key in order:
        if matrices[key] <= room or not kept:
            kept.add(key)
            room -= matrices[key]
    left = [f"{measure} at {layer} on {images}" for images, measure, layer in matrices if (images, measure, layer) not in kept]
    return [cell for cell in cells if _matrix(cell) in kept], left


def _matrix(cell: Cell) -> tuple[str, str, str]:
    return cell.images_dataset, cell.similarity_measure, cell.layer


def group_cells_of(summary: pd.DataFrame, layers: Sequence[str]) -> list[GroupCell]:
    """Return the rows of a summary.

    Parameters
    ----------
    summary : DataFrame
        The table ``-summary``.
    layers : sequence of str
        From `labels_of`; position among the layers of each reference group.
    """
    own = summary.assign(reference_model=summary["reference_group"])
    positions = layer_positions(own).map(dict(enumerate(layers)))
    return [
        GroupCell(
            str(row["reference_group"]),
            str(row["target_group"]),
            layer,
            str(row["similarity_measure"]),
            text(row.get("images_dataset")),
            interval_over=text(row.get("interval_over")),
            n_model_pairs=whole(row.get("n_model_pairs")) or 0,
            n_inversion_seeds=whole(row.get("n_inversion_seeds")) or 0,
            flags=text(row.get("flags")),
            **{field: number(row.get(column)) for field, column in OF_GROUPS.items()},
        )
        for row, layer in zip(summary.to_dict("records"), positions, strict=True)
    ]


def verdicts_of(verdicts: pd.DataFrame) -> list[Verdict]:
    """Return the rows of the table ``-verdicts``."""
    texts = ("statement", "part", "claim", "layer", "images_dataset", "unit", "verdict", "flag")
    numbers = ("value", "low", "high", "threshold")
    found = []
    for row in verdicts.to_dict("records"):
        fields: dict[str, Any] = {name: text(row.get(name)) for name in texts} | {name: number(row[name]) for name in numbers}
        found.append(Verdict(**fields, n=whole(row["n"])))
    return found


def text(value: Any) -> str:
    """Return a text of a table; empty if it is missing."""
    return "" if value is None or pd.isna(value) else str(value)
