"""Before a run: set aside every cached artifact that is not what its name and seal say."""

from collections.abc import Iterable
from pathlib import Path

from stir import verification
from stir.names import check_inside


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
    for folder in {path.parent for path in planned}:
        check_inside(folder / "any")
    bad = verification.verify(planned, memory=verification.MEMORY)
    verification.set_bad_aside(bad, say=said.append)
    return said
