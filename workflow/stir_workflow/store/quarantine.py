"""Bad artifacts are moved to a quarantine folder: nothing is deleted."""

import os
import re
from pathlib import Path

from stir.errors import ArtifactError
from stir.names import is_inside
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.places import KEYED

QUARANTINE = ".quarantine"


def set_aside(path: Path) -> Path:
    """Move a bad artifact and its seal to a quarantine folder beside it; return where.

    Nothing is deleted: what was there can be looked at. The caller knows that the file is this project's.

    Raises
    ------
    ArtifactError
        If the file lies elsewhere than in ``data/`` or ``results/``, links followed, or the file system does not let it.
    """
    folder = path.parent / QUARANTINE
    if not is_inside(path) or folder.is_symlink():
        reason = (
            f"{folder} is a link" if folder.is_symlink() else "it lies outside data/ and results/, or behind a link that does"
        )
        raise ArtifactError(f"{path} is bad and cannot be moved to {folder} ({reason}); move it by hand.")
    try:
        folder.mkdir(exist_ok=True)
        number = 0
        while os.path.lexists(folder / f"{path.name}.{number}") or os.path.lexists(folder / f"{path.name}.{number}.json"):
            number += 1
        place = folder / f"{path.name}.{number}"
        _move(path, place)
        if re.search(KEYED, path.name) and os.path.lexists(seal_path(path)):
            _move(seal_path(path), place.with_name(f"{place.name}.json"))
    except OSError as error:
        raise ArtifactError(f"{path} is bad and cannot be moved to {folder} ({error.strerror}); move it by hand.") from error
    return place


def _move(path: Path, place: Path) -> None:
    """Rename; a link goes on pointing where it points."""
    if path.is_symlink() and not path.readlink().is_absolute():
        place.symlink_to(path.parent.absolute() / path.readlink())
        path.unlink()
    else:
        path.rename(place)
