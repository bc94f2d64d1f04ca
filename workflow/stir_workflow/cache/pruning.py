"""What may go, and its removal."""

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
    """Nothing is removed, because something that matters is not known."""


@contextmanager
def no_run() -> Iterator[None]:
    """See to it that no run is under way in this folder or in a clone that shares data/ or results/, nor begins.

    Raises
    ------
    PruneError
        If one is under way.
    """
    with alone_in_folder() as alone:
        if not alone:
            raise PruneError(
                f"A run is under way in {Path.cwd()} ({LOCK} is held), or in a clone that shares data/ or results/ "
                f"({NAME} there is held, and names it). Prune when it has ended."
            )
        yield


def check_known(needs: Needs) -> None:
    """Refuse to say that nothing needs an artifact where an experiment could not be read, or none was.

    Raises
    ------
    PruneError
        Naming what is wrong with each.
    """
    if needs.broken:
        listed = "\n".join(needs.broken)
        raise PruneError(f"What these experiments need is not known, so nothing is removed. Mend or move them:\n{listed}")
    if not needs.names:
        raise PruneError(f"Expected experiment files in {EXPERIMENTS}, or --experiment FILE; there are none, so all would go.")


def candidates(entries: Iterable[Entry], *, leftovers: bool) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Return what no experiment needs and may go, and what none needs and stays, each with the reason.

    Parameters
    ----------
    entries : iterable of Entry
        All that there is.
    leftovers : bool
        Whether what is no artifact counts: set aside, half written, interrupted and needed no more.
    """
    chosen = [entry for entry in entries if not entry.needed_by and (leftovers or is_kept_by_dvc(entry))]
    going, staying = apart(chosen)
    memory = verification.MEMORY if verification.MEMORY.parent.is_dir() else None
    bad = verification.verify((entry.path for entry in going if entry.kind == ARTIFACT), memory=memory)
    staying += [(entry, "it is not what its seal says; `stir verify` moves it") for entry in going if entry.path in bad]
    return [entry for entry in going if entry.path not in bad], staying


def is_kept_by_dvc(entry: Entry) -> bool:
    """Return whether an entry is of the kinds that DVC keeps; leftovers it ignores."""
    return entry.kind in (ARTIFACT, UNSEALED)


def remove(entry: Entry) -> None:
    """Remove an artifact, then what belongs to it, then folders that are empty now.

    The artifact goes first: should this be cut off, a seal of nothing is left, and no file without its seal.
    """
    for file in entry.files:
        if problem := why_not_here(file):
            raise PruneError(f"Expected a file in data/ or results/ that others do not need; got {file}: {problem}.")
        file.unlink(missing_ok=True)
    for file in entry.files:
        _remove_empty(file.parent)


def _remove_empty(folder: Path) -> None:
    """Remove an empty folder and those above it that hold nothing else, up to the folder of a stage."""
    stages = {Path(path) for path in FOLDERS.values()}
    while (
        any(folder != stage and folder.is_relative_to(stage) for stage in stages)
        and folder.is_dir()
        and not any(folder.iterdir())
    ):
        folder.rmdir()
        folder = folder.parent
