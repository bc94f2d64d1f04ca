"""Folders and file names of the artifacts of each stage."""

import os
from pathlib import Path

from stir.names import is_inside
from stir_workflow.store.facts import STAGES
from stir_workflow.store.identity import KEY_DIGITS, Recipe

FOLDERS = {stage: facts.folder for stage, facts in STAGES.items()}
SUFFIXES = {stage: facts.suffix for stage, facts in STAGES.items()}
KEYED = rf"-[0-9a-f]{{{KEY_DIGITS}}}"
"""Pattern of the ending, before the suffix, of names of artifacts and of the folders that stamps represent."""


def stage_of_place(path: Path) -> str | None:
    """Return the stage whose artifacts have the folder and suffix of a path, or None.

    Links are not followed.
    """
    folder = Path(os.path.abspath(path.parent))  # noqa: PTH100
    stages = (stage for stage, suffix in SUFFIXES.items() if path.suffix == suffix)
    return next((stage for stage in stages if folder.is_relative_to(Path.cwd() / FOLDERS[stage])), None)


def fits_place(path: Path, recipe: Recipe) -> bool:
    """Return whether a path of the current project fits a recipe, by folder, key and suffix."""
    return stage_of_place(path) == recipe.stage and path.stem.endswith(f"-{recipe.key}") and is_inside(path)


def name_of_artifact(stage: str, path: str) -> str:
    """Return the name of the logs and benchmarks of an artifact: ``STAGE/NAME``."""
    return f"{stage}/{path.removeprefix(f'{FOLDERS[stage]}/').removesuffix(SUFFIXES[stage])}"
