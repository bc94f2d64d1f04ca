"""Stage inversion: IRIs of one reference, a file per layer and random seed.

Its artifact is an index: key of the IRIs -> file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stir_workflow.stages import iri
from stir_workflow.stages.index import make_parts
from stir_workflow.stages.job import Job
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe


def make(job: Job) -> None:
    """Make the IRIs that are missing, one layer and random seed after the other, and list all of them."""
    make_parts(job, parts_of(job), iri.make, unit="inversion")


def parts_of(job: Job) -> dict[str, Job]:
    """Return key -> the job of each layer and random seed."""
    parts = {}
    for inverted in job.settings["inversions"]:
        recipe = Recipe("iri", STAGES["iri"].version, settings_of_iri(job.settings, inverted), job.recipe.inputs)
        output = Path(STAGES["iri"].folder, f"{inverted['name']}-{recipe.key}{STAGES['iri'].suffix}")
        parts[recipe.key] = Job(recipe, output, job.inputs, job.device_name, source=job.source, code=job.code)
    return parts


def settings_of_iri(settings: Mapping[str, Any], inverted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the IRIs of one layer and random seed."""
    own = {name: value for name, value in inverted.items() if name != "name"}
    return {name: value for name, value in settings.items() if name != "inversions"} | own
