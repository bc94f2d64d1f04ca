"""Selection and removal of unneeded files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stir.errors import StirError
from stir_workflow.cache.inventory import ARTIFACT, UNSEALED, Entry
from stir_workflow.cache.needs import EXPERIMENTS, Needs
from stir_workflow.cache.ownership import apart, why_not_here
from stir_workflow.running.folder import LOCK, alone_in_folder
from stir_workflow.running.shared import NAME
from stir_workflow.store import verification
from stir_workflow.store.places import FOLDERS


class PruneError(StirError):
    """Nothing is removed, because necessary information is missing."""


@contextmanager
def no_run() -> Iterator[None]:
    """Ensure that no run is in progress, or starts, in this folder or in a clone that shares data/ or results/.

    Raises
    ------
    PruneError
        If a run is in progress.
    """
    with alone_in_folder() as alone:
        if not alone:
            raise PruneError(
                f"A run is in progress in {Path.cwd()} ({LOCK} is held), or in a clone that shares data/ or results/ "
                f"({NAME} there is held, and names it). Prune when it has ended."
            )
        yield


def check_known(needs: Needs) -> None:
    """Refuse to prune if an experiment is invalid, or if there is none.

    Raises
    ------
    PruneError
        Naming the problem of each.
    """
    if needs.broken:
        listed = "\n".join(needs.broken)
        raise PruneError(f"The needs of these experiments are unknown, so nothing is removed. Correct or move them:\n{listed}")
    if not needs.names:
        raise PruneError(
            f"Expected experiment files in {EXPERIMENTS}, or --experiment FILE; got none, so all artifacts would be removed. "
            "Run this in the folder of the project, or name a file."
        )


def candidates(entries: Iterable[Entry], *, leftovers: bool) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Return the unneeded entries that may be removed, and those that are kept, with the reasons.

    Parameters
    ----------
    entries : iterable of Entry
        All entries.
    leftovers : bool
        Whether to include quarantined, half-written and interrupted files that are not needed.
    """
    chosen = [entry for entry in entries if not entry.needed_by and (leftovers or is_kept_by_dvc(entry))]
    going, staying = apart(chosen)
    memory = verification.MEMORY if verification.MEMORY.parent.is_dir() else None
    bad = verification.verify((entry.path for entry in going if entry.kind == ARTIFACT), memory=memory)
    staying += [(entry, "it does not match its seal; `stir verify` moves it") for entry in going if entry.path in bad]
    return [entry for entry in going if entry.path not in bad], staying


def is_kept_by_dvc(entry: Entry) -> bool:
    """Return whether DVC tracks entries of this kind; it ignores leftovers."""
    return entry.kind in (ARTIFACT, UNSEALED)


def remove(entry: Entry) -> None:
    """Remove an artifact, then the files that belong to it, then empty folders.

    The artifact is removed first, so that an interruption leaves a lone seal, and never a file without its seal.
    """
    for file in entry.files:
        if problem := why_not_here(file):
            raise PruneError(f"Expected a file in data/ or results/ that others do not need; got {file}: {problem}.")
        file.unlink(missing_ok=True)
    for file in entry.files:
        _remove_empty(file.parent)


def _remove_empty(folder: Path) -> None:
    """Remove an empty folder and parent folders that contain nothing else, up to the folder of a stage."""
    stages = {Path(path) for path in FOLDERS.values()}
    while (
        any(folder != stage and folder.is_relative_to(stage) for stage in stages)
        and folder.is_dir()
        and not any(folder.iterdir())
    ):
        folder.rmdir()
        folder = folder.parent
