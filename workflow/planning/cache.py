"""Before a run: set aside every cached artifact that is not what its name and seal say."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from stir.artifacts import set_aside, verify
from stir.errors import ArtifactError
from stir.publication import drop_stamp, keyed_folder, unmatched

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
            said += _drop_if_unmatched(path)
    return said


def _drop_if_unmatched(path: Path) -> Iterator[str]:
    """Drop a stamp whose files are not the ones it stands for, so that they are made again.

    Bad files of its own folder are moved. Files under names without a key may well be of other
    settings; stage publication, which knows, replaces them.
    """
    try:
        bad = unmatched(path)
    except ArtifactError as error:
        yield f"{error} It was moved to {set_aside(path)}."
        return
    for file in bad:
        moved = f" It was moved to {set_aside(file)}." if file.is_file() and file.parent == keyed_folder(path) else ""
        yield f"{file} is not the one that {path.name} stands for; it is made again.{moved}"
    if bad:
        drop_stamp(path)
