"""Before a run: set aside every cached artifact that is not what its name and seal say."""

from collections.abc import Iterable
from pathlib import Path

from stir import verification


def set_bad_aside(paths: Iterable[str]) -> list[str]:
    """Check what exists of a plan, and what its stamps stand for; move bad files to quarantine; say what was done.

    Only files that changed since they were last found good are read.

    Raises
    ------
    ArtifactError
        If a bad file cannot be moved.
    """
    said: list[str] = []
    bad = verification.verify(map(Path, paths), memory=verification.MEMORY)
    verification.set_bad_aside(bad, say=said.append)
    return said
