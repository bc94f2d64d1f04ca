"""What an artifact was made from, as far as seals and benchmarks are still there: recipes, versions, devices, times."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stir.errors import ArtifactError
from stir.files import read_bounded
from stir_workflow.store.artifacts import SEAL_BYTES, read_seal
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import key_in
from stir_workflow.store.places import FOLDERS, SUFFIXES, name_of_artifact

OF_ROLES = {role: role.removesuffix("s") for facts in STAGES.values() for role in facts.inputs}
"""Role of an input -> the stage that makes it."""
INDEXES = ("inversion", "representation")
"""Stages whose artifacts list others."""


@dataclass(frozen=True)
class Ancestor:
    """One artifact that another was made from."""

    stage: str
    name: str
    seal: Mapping[str, Any]
    cost: Mapping[str, float]
    """Row of its benchmark; empty if that is gone."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of its recipe."""
        settings: Mapping[str, Any] = self.seal["recipe"]["settings"]
        return settings


def lineage(path: Path) -> Iterator[Ancestor]:
    """Give an artifact, and all that it was made from, each once; what has no whole seal any more is left out.

    Parameters
    ----------
    path : Path
        An artifact of this project, relative to its folder.
    """
    places = _places()
    waiting, seen = [path], {path}
    while waiting:
        place = waiting.pop(0)
        try:
            seal = read_seal(place)
        except ArtifactError:
            continue
        stage = seal["recipe"]["stage"]
        yield Ancestor(stage, place.stem, seal, _cost(stage, place))
        for found in (*_made_from(seal["recipe"]["inputs"], places), *_parts(stage, place)):
            if found not in seen:
                seen.add(found)
                waiting.append(found)


def _places() -> dict[tuple[str, str], Path]:
    """Return stage and key -> artifact, of all that have seals."""
    found = {}
    for stage, folder in FOLDERS.items():
        for seal in Path(folder).rglob(f"*{SUFFIXES[stage]}.json"):
            path = seal.with_name(seal.name.removesuffix(".json"))
            try:
                found[stage, key_in(path)] = path
            except ArtifactError:
                continue
    return found


def _made_from(inputs: Mapping[str, Any], places: Mapping[tuple[str, str], Path]) -> Iterator[Path]:
    for role, keys in inputs.items():
        for key in keys if isinstance(keys, list) else [keys]:
            if (OF_ROLES.get(role, role), key) in places:
                yield places[OF_ROLES.get(role, role), key]


def _parts(stage: str, index: Path) -> list[Path]:
    """Return the files that an index lists."""
    if stage not in INDEXES:
        return []
    try:
        return [Path(file) for file in json.loads(read_bounded(index, SEAL_BYTES)).values()]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return []


def _cost(stage: str, path: Path) -> dict[str, float]:
    benchmark = Path(f"results/benchmarks/{name_of_artifact(stage, path.as_posix())}.tsv")
    try:
        with benchmark.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"), {})
        return {name: float(value) for name, value in row.items() if name in ("s", "max_rss_mb")}
    except (OSError, ValueError, TypeError):
        return {}
