"""Fingerprints of data of one's own, computed on first use and remembered with the sizes and times of the files."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stir.data import dataset_source
from stir.data.files import kind_of
from stir.data.fingerprints import DIGITS, fingerprint, signature
from stir.errors import DatasetError, StirError
from stir.files import read_bounded
from stir_workflow.planning.loading import Experiment
from stir_workflow.store.atomic import write_atomically

MEMORY = Path("data/fingerprints.json")
MOST_PATHS = 1000
MOST_BYTES = 2**22
"""Of the memory; paths have at most 4096 bytes."""

Memory = dict[str, dict[str, str]]
"""Resolved path -> signature and fingerprint."""


def with_fingerprints(experiment: Experiment, *, trusting: bool) -> tuple[Experiment, list[str]]:
    """Return an experiment whose data of one's own all have a fingerprint, and problems of those that have none.

    Parameters
    ----------
    experiment : Experiment
        With defaults.
    trusting : bool
        Whether what is remembered is taken without a look at the files, as jobs of a run do, so that all have the same keys.
    """
    problems: list[str] = []

    def filled(place: str, dataset: Mapping[str, Any]) -> Mapping[str, Any]:
        if "fingerprint" in dataset or not {"format", "path"} <= set(dataset):
            return dataset
        try:
            source = Path(dataset_source(dataset, {}) or "")
            return {**dataset, "fingerprint": remembered_fingerprint(source, trusting=trusting)}
        except StirError as error:
            problems.append(f"{place}: {error}")
            return dataset

    further = [filled(f"further_datasets[{n}]", dataset) for n, dataset in enumerate(experiment["further_datasets"])]
    return {**experiment, "dataset": filled("dataset", experiment["dataset"]), "further_datasets": further}, problems


def remembered_fingerprint(path: Path, *, trusting: bool = False) -> str:
    """Return the fingerprint of a file or folder; it is computed if none is remembered, or if a size or time has changed.

    What is remembered is returned, too, if nothing is at the path any more: files that were made of the data remain in use.

    Raises
    ------
    DatasetError
        If there is no such file or folder, or it cannot be read, or changes meanwhile.
    """
    name, memory = os.path.realpath(path), _read()
    known = memory.get(name)
    if known and (trusting or kind_of(path) == "nothing"):
        return known["fingerprint"]
    seen = signature(path)
    if known and known["signature"] == seen:
        return known["fingerprint"]
    found = fingerprint(path)
    if signature(path) != seen:
        raise DatasetError(f"Expected files that stay as they are; those in {path} changed while they were read. Try again.")
    # What was used last stands last, and is forgotten last.
    _write({**{key: value for key, value in memory.items() if key != name}, name: {"signature": seen, "fingerprint": found}})
    return found


def _read() -> Memory:
    """Return what is remembered; of a memory that is damaged or another's, what can be one."""
    try:
        content = json.loads(read_bounded(MEMORY, MOST_BYTES))
        return dict(_entries(content["paths"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _entries(paths: Any) -> Iterator[tuple[str, dict[str, str]]]:
    for name, entry in paths.items():
        digests = {key: entry[key] for key in ("signature", "fingerprint")}
        if all(isinstance(digest, str) and DIGITS.fullmatch(digest) for digest in digests.values()):
            yield name, digests


def _write(memory: Memory) -> None:
    kept = dict(list(memory.items())[-MOST_PATHS:])
    try:
        write_atomically(MEMORY, json.dumps({"paths": kept}, indent=1) + "\n")
    except (OSError, StirError):  # a folder that cannot be written: the fingerprint is computed again next time
        return
