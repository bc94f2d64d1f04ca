"""Published tables and figures as `snakemake --report` shows them: which, with which caption and category."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stir.names import TABLE_ENDINGS
from stir_workflow.planning.artifact import Artifacts
from stir_workflow.stages.figure import PER_MEASURE
from stir_workflow.store.stamps import stands_for

CAPTIONS = "workflow/report"
"""Folder of captions, from that of the Snakefile."""


class Shown(NamedTuple):
    """One published file."""

    path: str
    caption: str
    """File, from the folder of the Snakefile."""
    how: dict[str, Any]
    """Further arguments of Snakemake's ``report``."""


def shown_in_report(plan: Artifacts) -> Iterator[Shown]:
    """Give the tables and figures that are published for a plan, if they are: none of an experiment that is not finished."""
    for path in plan.stage_paths("publication"):
        experiment = str(plan.by_path[path].recipe.settings["experiment"])
        for file in stands_for(Path(path)) if Path(path).exists() else ():
            if file.suffix in (".csv", ".png") and file.is_file():
                yield _shown(file, experiment)


def _shown(file: Path, experiment: str) -> Shown:
    what = file.stem.removeprefix(experiment).removeprefix("-")
    is_table = file.suffix == ".csv"
    kind = _table(what) if is_table else _figure(what)
    labels = {"experiment": experiment, "shows": what or "scores"}
    category = {"category": "Tables" if is_table else "Figures", "subcategory": experiment}
    return Shown(file.as_posix(), f"{CAPTIONS}/{kind}.rst", {**category, "labels": labels})


def _table(what: str) -> str:
    return what if f"-{what}" in TABLE_ENDINGS else "scores"


def _figure(what: str) -> str:
    """Return the kind of a figure by its name: KIND-MEASURE, LAYER-images, or LAYER-MEASURE of a heatmap."""
    if what == "sensitivity":
        return what
    if what.endswith("images"):
        return "images"
    return next((kind for kind in PER_MEASURE if what.startswith(f"{kind}-")), "heatmaps")
