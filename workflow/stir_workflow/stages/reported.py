"""What a report needs beside an experiment's tables, read from artifacts: training, IRIs, classes, provenance."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import ArtifactError
from stir_workflow.report.album import Album
from stir_workflow.report.content import LearningCurve, Provenance, StageTime
from stir_workflow.report.gathering import Beside
from stir_workflow.stages.job import Job
from stir_workflow.stages.reported_images import images_of
from stir_workflow.store.facts import STAGES
from stir_workflow.store.lineage import INDEXES, Ancestor, lineage

if TYPE_CHECKING:
    from stir_workflow.report.tables import Tables

COMPUTED = ("dataset", "checkpoint", "evaluation", "iri", "score")
"""Stages whose settings a report shows."""
OF_ONE_JOB = ("random_seed", "untrained", "members")
KEYED = ("dataset", "checkpoint", "table")
"""Stages whose keys a report lists; those of others are in the seals beside their files."""


def beside_tables(job: Job, tables: "Tables") -> Beside:
    """Read what else a report of these tables shows.

    Parameters
    ----------
    job : Job
        Of the stage report; its ``source`` is the command that makes the experiment again.
    tables : Tables
        Of the experiment.
    """
    from stir_workflow.report.scores import labels_of
    from stir_workflow.store.artifacts import checked, sealed_recipe

    settings, table = job.settings, sealed_recipe(checked(job.one("table"))).settings
    album = Album()
    shown = images_of(job, table, tables, labels_of(tables.scores, settings["layers"]), album)
    named = [*table["models"], *table.get("references", [])]
    return Beside(
        description=settings.get("description", ""),
        command=job.source or "",
        labels=settings["layers"],
        groups={each["name"]: each.get("group", each["name"]) for each in named},
        curves=dict(_curves(job, table)),
        galleries=shown.galleries,
        agreements=shown.agreements,
        images=album.images,
        provenance=provenance_of(job.one("table")),
        left_out=shown.left_out,
    )


def _curves(job: Job, table: Mapping[str, Any]) -> Iterator[tuple[str, LearningCurve]]:
    """Give the learning curve of every model that was trained here."""
    from stir.models import read_metadata
    from stir_workflow.store.artifacts import checked
    from stir_workflow.store.identity import key_in

    names = {model["checkpoint"]: model["name"] for model in table["models"]}
    for path in job.inputs["checkpoints"]:
        curve = read_metadata(checked(path)).get("learning_curve")
        if curve and (name := names.get(key_in(path))):
            yield name, LearningCurve(**{part: [round(float(value), 4) for value in values] for part, values in curve.items()})


def provenance_of(table: Path) -> Provenance:
    """Return what made a table, as its seals and the benchmarks of its jobs tell.

    Raises
    ------
    ArtifactError
        If the table has no seal.
    """
    ancestors = list(lineage(table))
    if not ancestors:
        raise ArtifactError(f"Expected a seal beside {table}; there is none. Run the workflow to make the table again.")
    versions = defaultdict[str, dict[str, None]](dict)
    for ancestor in ancestors:
        for package, version in ancestor.seal["versions"].items():
            versions[package][str(version)] = None
    hardware = dict.fromkeys(f"{each.seal['device']}: {each.seal.get('device_kind', 'unknown')}" for each in ancestors)
    return Provenance(
        settings=_yaml(_settings(ancestors)),
        versions={package: ", ".join(several) for package, several in sorted(versions.items())},
        hardware=list(hardware),
        times=list(_times(ancestors)),
        keys={f"{each.stage} {each.name.rpartition('-')[0]}": each.seal["key"] for each in ancestors if each.stage in KEYED},
        made=_date(table),
    )


def _times(ancestors: Sequence[Ancestor]) -> Iterator[StageTime]:
    """Give wall time and largest memory of each stage, of which a benchmark is left; indexes took the time of what they list."""
    by_stage = defaultdict[str, list[Ancestor]](list)
    for ancestor in ancestors:
        by_stage[ancestor.stage].append(ancestor)
    for stage in (stage for stage in STAGES if stage not in INDEXES):
        jobs = by_stage[stage]
        costs = [each.cost for each in jobs if "s" in each.cost]
        if costs:
            devices = dict.fromkeys(str(each.seal["device"]) for each in jobs)
            memory = max(cost.get("max_rss_mb", 0.0) for cost in costs)
            yield StageTime(stage, len(costs), round(sum(cost["s"] for cost in costs), 1), round(memory), ", ".join(devices))


def _settings(ancestors: Sequence[Ancestor]) -> dict[str, list[Any]]:
    """Return the different settings of each stage that computes, without what tells one job from another."""
    found: dict[str, list[Any]] = {}
    for ancestor in ancestors:
        settings = {name: value for name, value in ancestor.settings.items() if name not in OF_ONE_JOB}
        if ancestor.stage in COMPUTED and settings not in found.setdefault(ancestor.stage, []):
            found[ancestor.stage].append(settings)
    return {stage: found[stage] for stage in COMPUTED if stage in found}


def _yaml(settings: Mapping[str, Any]) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    written = StringIO()
    yaml = YAML()
    yaml.width = 100
    yaml.dump(dict(settings), written)
    return written.getvalue()


def _date(path: Path) -> str:
    """Return when a file was written, as an ISO date."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
