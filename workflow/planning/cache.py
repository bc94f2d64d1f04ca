"""Before a run: set aside every cached artifact that is not what its name and seal say."""

from collections.abc import Iterable
from pathlib import Path

from stir import verification
from stir.artifacts import seal_path
from stir.publication import STAMP, superseded


def set_bad_aside(paths: Iterable[str]) -> list[str]:
    """Check what exists of a plan, and what its stamps stand for; move bad files to quarantine; say what was done.

    Only files that changed since they were last found good are read. A stamp whose files were
    published anew by another setting is removed, so that this setting publishes its own again.

    Raises
    ------
    ArtifactError
        If a bad file cannot be moved.
    """
    files = [Path(path) for path in paths]
    said: list[str] = []
    verification.set_bad_aside(verification.verify(files, memory=verification.MEMORY), say=said.append)
    for stamp in (path for path in files if path.suffix == STAMP):
        if others := superseded(stamp):
            said.append(f"{others[0]} is another setting's now; {stamp.name} publishes its own again.")
            stamp.unlink()
            seal_path(stamp).unlink()
    return said
