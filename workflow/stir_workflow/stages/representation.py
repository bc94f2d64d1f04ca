"""Stage representation: one reference model's IRIs as all target models represent them, a file per target model.

Its artifact is an index: checkpoint key -> file. A checkpoint that is there for several choices of layers has further
entries, whose keys the setting ``index`` of a target says.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stir_workflow.stages import pair
from stir_workflow.stages.index import make_parts
from stir_workflow.stages.job import Job
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import Recipe, key_in


def make(job: Job) -> None:
    """Make the representation files that are missing, and list all of them."""
    make_parts(job, parts_of(job), pair.make, unit="representation")


def parts_of(job: Job) -> dict[str, Job]:
    """Return entry of the index -> the job of that target model; settings and checkpoints are in one order."""
    shared = {role: job.inputs[role] for role in ("dataset", "iris")}
    keys: dict[str, Any] = {"dataset": key_in(job.one("dataset")), "iris": [key_in(path) for path in job.inputs["iris"]]}
    parts = {}
    for checkpoint, target in zip(job.inputs["checkpoints"], job.settings["targets"], strict=True):
        inputs = {"checkpoint": key_in(checkpoint), **keys}
        recipe = Recipe("pair", STAGES["pair"].version, settings_of_target(job.settings, target), inputs)
        output = Path(STAGES["pair"].folder, f"{target['name']}-{recipe.key}{STAGES['pair'].suffix}")
        name = target.get("index", inputs["checkpoint"])
        parts[name] = Job(recipe, output, {"checkpoint": [checkpoint], **shared}, job.device_name, code=job.code)
    return parts


def settings_of_target(settings: Mapping[str, Any], target: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of one target model's file."""
    own = {"target_layers": target["layers"]} if "layers" in target else {}
    return {name: value for name, value in settings.items() if name != "targets"} | own
