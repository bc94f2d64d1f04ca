"""Paths in experiment files are relative to the folder of the file; data at a path have a fingerprint."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stir.data.sources import expanded
from stir.errors import DatasetError
from stir.names import shortened
from stir_workflow.store.remembered import remembered_fingerprint

KEYS = {"dataset": "path", "further_datasets": "path", "models": "checkpoint"}
"""Keys of an experiment -> the key of their entries that holds a path. (A reference keeps its folder: `addresses`.)"""


def with_paths(experiment: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return an experiment whose paths are relative to the current folder, or absolute. Pure.

    Parameters
    ----------
    experiment : dict
        As the schema has it; paths are relative to ``folder``.
    folder : Path
        Of the experiment's file.
    """
    return experiment | {part: _each(experiment[part], key, folder) for part, key in KEYS.items() if part in experiment}


def _each(entries: Any, key: str, folder: Path) -> Any:
    if isinstance(entries, list):
        return [_each(entry, key, folder) for entry in entries]
    return {**entries, key: located(entries[key], folder)} if key in entries else entries


def located(path: str, folder: Path) -> str:
    """Return where a path of a file in a folder leads from the current folder; URLs, ``~`` and absolute paths as they are."""
    return os.path.join(folder, path) if _is_relative(path) and folder != Path() else path  # noqa: PTH118, keeps ./~name


def _is_relative(path: str) -> bool:
    return "://" not in path and not path.startswith(("/", "~"))


def problems_of_paths(experiment: dict[str, Any], folder: Path) -> Iterator[str]:
    """Find relative paths at which there is something from the current folder, and nothing from that of the experiment's file."""
    for part, key in KEYS.items():
        entries = experiment.get(part, [])
        for place, entry in [(part, entries)] if isinstance(entries, dict) else _numbered(part, entries):
            if _is_only_here(path := entry.get(key, "/"), folder):
                there = os.path.relpath(path, folder)
                yield (
                    f"{place}.{key}: expected a path relative to the folder of the experiment file, {folder}; there is "
                    f"nothing from there at {shortened(path, 200)}, only from the current folder. "
                    f"Write {shortened(there, 200)}, or an absolute path"
                )


def with_fingerprints(experiment: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return an experiment whose data of one's own have fingerprints, and what prevents that.

    Parameters
    ----------
    experiment : dict
        With paths from the current folder. A fingerprint that is given is kept, and compared by the job that reads the data.
    """
    problems: list[str] = []
    further = [
        _with_fingerprint(dataset, f"further_datasets[{number}]", problems)
        for number, dataset in enumerate(experiment["further_datasets"])
    ]
    return experiment | {
        "dataset": _with_fingerprint(experiment["dataset"], "dataset", problems),
        "further_datasets": further,
    }, problems


def _with_fingerprint(dataset: dict[str, Any], place: str, problems: list[str]) -> dict[str, Any]:
    if "format" not in dataset or "fingerprint" in dataset or "path" not in dataset:
        return dataset
    try:
        return {**dataset, "fingerprint": remembered_fingerprint(Path(expanded(dataset["path"])))}
    except DatasetError as error:
        problems.append(f"{place}.path: {error}")
        return {**dataset, "fingerprint": ""}


def _numbered(part: str, entries: list[Any]) -> list[tuple[str, Any]]:
    return [(f"{part}[{number}]", entry) for number, entry in enumerate(entries)]


def _is_only_here(path: str, folder: Path) -> bool:
    try:
        return _is_relative(path) and not Path(located(path, folder)).exists() and Path(path).exists()
    except (OSError, ValueError):  # a name of 300 characters, NUL
        return False
