"""Before a run: set aside every cached artifact that is not what its name and seal say."""

from collections.abc import Iterable
from pathlib import Path

from stir.names import check_inside
from stir_workflow.planning.artifact import Artifact
from stir_workflow.store import verification
from stir_workflow.store.places import FOLDERS
from stir_workflow.store.stamps import drop_stamp


def set_bad_aside(paths: Iterable[str]) -> list[str]:
    """Check what exists of a plan, and what its stamps stand for; move bad files to quarantine; say what was done.

    Only files that changed since they were last found good are read.

    Raises
    ------
    ArtifactError
        If a bad file cannot be moved.
    InvalidInputError
        If a link leads out of ``data/`` or ``results/`` where the plan writes to.
    """
    said: list[str] = []
    planned = list(map(Path, paths))
    _check_folders({path.parent for path in planned})
    bad = verification.verify(planned, memory=verification.MEMORY)
    verification.set_bad_aside(bad, say=said.append)
    return said


def _check_folders(folders: Iterable[Path]) -> None:
    """Refuse folders of a plan, or of its logs and benchmarks, that are links out of ``data/`` or ``results/``."""
    for folder in folders:
        check_inside(folder / "artifact")
        for stage, top in FOLDERS.items():
            if folder.is_relative_to(top):
                check_inside(Path("results/logs") / stage / folder.relative_to(top) / "log")
                check_inside(Path("results/benchmarks") / stage / folder.relative_to(top) / "benchmark")


def drop_incomplete(artifacts: Iterable[Artifact]) -> None:
    """Remove artifacts that list parts of which one is missing, so that their job is due and makes it."""
    for made in artifacts:
        if Path(made.path).exists() and not all(Path(part.path).exists() for part in made.parts):
            drop_stamp(Path(made.path))
