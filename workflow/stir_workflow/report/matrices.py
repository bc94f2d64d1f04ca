"""Matrices of scores in the page: their columns of numbers, the ends of their colours, and the order of models by clustering."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from stir.flags import LARGEST_P_VALUE, NOT_ABOVE_NULL
from stir.plotting.colours import limits, limits_about_zero
from stir_workflow.report.content import Cell, GroupCell, Report

ADDRESS = ("images_dataset", "layer", "similarity_measure")
"""What one matrix is for."""
READINGS = {
    "signal": "The interval lies above the noise: more than robustness is shared.",
    "robustness": "Undecided: the noise lies within the interval, so no more than robustness is shown.",
    "sensitive": "The interval lies below the noise: X' changes the target model more than noise does.",
    "floor": "No higher than with shuffled images: nothing is shown to be shared.",
    "unknown": "Undecided: there is no interval, or no score of noise.",
}
"""How a score reads beside its controls."""


def blocks(report: Report) -> list[dict[str, Any]]:
    """Return the matrices of models and of groups for every dataset of images, layer and measure, in columns."""
    models = {model.name: number for number, model in enumerate(report.models)}
    groups = {group: number for number, group in enumerate(report.groups)}
    found = [("models", key, _block(cells, "model", models)) for key, cells in _by_address(report.cells).items()]
    found += [("groups", key, _block(cells, "group", groups)) for key, cells in _by_address(report.group_cells).items()]
    return [{"kind": kind, **dict(zip(ADDRESS, key, strict=True)), "data": data} for kind, key, data in found]


def reading_of(cell: Cell | GroupCell) -> str:
    """Return how a score reads beside its controls, a key of `READINGS`."""
    p_value = getattr(cell, "stir_null_p_holm", None)
    if (p_value is not None and p_value > LARGEST_P_VALUE) or NOT_ABOVE_NULL in cell.flags:
        return "floor"
    if cell.stir_low is None or cell.stir_high is None or cell.stir_noise is None:
        return "unknown"
    if cell.stir_low > cell.stir_noise:
        return "signal"
    return "sensitive" if cell.stir_high < cell.stir_noise else "robustness"


def clustered(values: np.ndarray) -> list[int]:
    """Return the order of the rows of a square matrix of similarities that puts similar ones next to each other.

    Average linkage of 1 minus the mean of both directions, with the order of leaves that minimises the distances of neighbours; a
    similarity that is missing counts as the mean of the others.
    """
    n = len(values)
    if n < 3:
        return list(range(n))
    both = np.stack([values, values.T])
    counts = np.isfinite(both).sum(axis=0)
    means = np.where(counts > 0, np.nansum(both, axis=0) / np.maximum(counts, 1), np.nan)
    known = means[np.isfinite(means)]
    distances = np.clip(1 - np.where(np.isfinite(means), means, known.mean() if known.size else 0.0), 0, None)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return [int(leaf) for leaf in leaves_list(tree)]


def _by_address(cells: Sequence[Cell | GroupCell]) -> dict[tuple[str, ...], list[Cell | GroupCell]]:
    found: dict[tuple[str, ...], list[Cell | GroupCell]] = {}
    for cell in cells:
        found.setdefault(tuple(str(getattr(cell, name)) for name in ADDRESS), []).append(cell)
    return found


def _block(cells: Sequence[Cell | GroupCell], side: str, numbers: dict[str, int]) -> dict[str, Any]:
    """Return cells as columns: numbers as they are, texts by their number in a list of different texts."""
    names = [f"reference_{side}", f"target_{side}"]
    references, targets = ([numbers[getattr(cell, name)] for cell in cells] for name in names)
    columns: dict[str, Any] = {}
    for name in (field.name for field in fields(cells[0])):
        if name not in {*ADDRESS, *names}:
            values = [getattr(cell, name) for cell in cells]
            columns[name] = _coded(values) if any(isinstance(value, str | list) for value in values) else values
    columns["reading"] = _coded([reading_of(cell) for cell in cells])
    stir, similarity, excess = (_matrix(cells, name, references, targets, len(numbers)) for name in _SHOWN)
    different = ~np.eye(len(numbers), dtype=bool)
    ends = limits(np.concatenate([stir[different], similarity[different]]))
    return {
        "reference": references,
        "target": targets,
        "columns": columns,
        "ends": {"stir": ends, "similarity": ends, "stir_excess": limits_about_zero(excess[different])},
        "order": clustered(stir),
    }


_SHOWN = ("stir", "similarity", "stir_excess")


def _coded(values: Sequence[str | list[str] | None]) -> dict[str, list]:
    texts = ["; ".join(value) if isinstance(value, list) else value or "" for value in values]
    levels = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return {"levels": list(levels), "codes": [levels[text] for text in texts]}


def _matrix(cells: Sequence[Cell | GroupCell], name: str, rows: list[int], columns: list[int], size: int) -> np.ndarray:
    matrix = np.full((size, size), np.nan)
    matrix[rows, columns] = [np.nan if (value := getattr(cell, name)) is None else value for cell in cells]
    return matrix
