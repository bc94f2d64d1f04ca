"""Before a run: set aside every cached artifact that is not what its name and seal say."""

from collections.abc import Iterable
from pathlib import Path

from stir.artifacts import set_aside, verify
from stir.errors import ArtifactError
from stir.publication import published

MEMORY = Path(".snakemake/stir-verified.json")


def set_bad_aside(paths: Iterable[str]) -> list[str]:
    """Check what exists of a plan; move bad files to quarantine; say what was done.

    Only files that changed since they were last found good are read.
    """
    files = [Path(path) for path in paths]
    said = []
    for path, problem in verify(files, memory=MEMORY).items():
        said.append(f"{problem} It was moved to {set_aside(path)}.")
    for path in files:
        if path.suffix == ".stamp" and path.is_file():
            try:
                published(path)
            except ArtifactError as error:
                said.append(str(error))
                path.unlink()
    return said
