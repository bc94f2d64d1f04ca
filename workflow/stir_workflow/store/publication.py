"""Copies of tables, figures and reports under names that stay, for people and DVC; a stamp of their own stands for them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from stir.errors import ArtifactError
from stir.names import check_inside, check_name, is_inside
from stir_workflow.store.artifacts import checked, read_seal, sealed_recipe
from stir_workflow.store.atomic import copy_atomically
from stir_workflow.store.identity import Recipe
from stir_workflow.store.quarantine import set_aside
from stir_workflow.store.stamps import (
    PUBLISHED,
    STAMP,
    belongs_to,
    drop_stamp,
    in_own_folder,
    keyed_folder,
    sha256_if_there,
    stamp,
    stamped,
    stands_for,
)

TABLES = (".csv", ".json", ".h5")


def check_unclaimed(path: Path, experiment: str, places: Iterable[Path], origin: str | None = None) -> None:
    """Refuse places at which another experiment has published.

    Parameters
    ----------
    path : Path
        The stamp that is to stand for the places.
    experiment : str
        What tables and figures are called.
    places : iterable of Path
        Tables and figures, under names without a key.
    origin : str, optional
        The experiment's file. One that was published from another file is another experiment, as long as that is there.

    Raises
    ------
    ArtifactError
        Naming the other experiment.
    """
    names = {(place.parent.name, place.name) for place in places}
    for other in sorted(path.parent.glob(f"*{STAMP}")):
        try:
            seal = read_seal(checked(other)) if other != path else None
        except ArtifactError:
            seal = None
        if seal is None:
            continue
        theirs, file = seal["recipe"]["settings"].get("experiment"), seal.get("origin")
        # os.path.isfile is false, and raises nothing, of what can be no path.
        moved = origin is None or not isinstance(file, str) or file == origin or not os.path.isfile(file)  # noqa: PTH113
        both = sorted(place for place in stands_for(other) if (place.parent.name, place.name) in names)
        if both and not (theirs == experiment and moved):
            raise ArtifactError(
                f"Expected tables and figures under names of their own; got {both[0]}, which the experiment {theirs!r} of "
                f"{file or 'another file'} has published; rename one of the experiments, or remove {other} and what it published."
            )


def publish(path: Path, recipe: Recipe, stamps: Iterable[Path], origin: str | None = None) -> list[str]:
    """Copy the files of stamps to names without a key, and stamp the copies.

    Copies that were published for other settings, and that these do not make, are removed.
    No other file is: one in the way that is no copy of what a stamp of this experiment
    stands for is set aside, any other is left alone.

    Parameters
    ----------
    path : Path
        The stamp to write.
    recipe : Recipe
        Its recipe; ``experiment`` among the settings.
    stamps : iterable of Path
        Of tables and figures.
    origin : str, optional
        The experiment's file.

    Returns
    -------
    list of str
        What was set aside, and where.

    Raises
    ------
    ArtifactError
        If a table or figure is bad, or has the name of one of another experiment.
    """
    experiment = check_name("experiment", recipe.settings.get("experiment"))
    sources = {_place(stamp, name): file for stamp in stamps for name, file in stamped(stamp).items()}
    for place in sources:
        _check_published(place, experiment)
    check_unclaimed(path, experiment, sources, origin)
    others = [other for other in _stamps(path.parent.parent, experiment) if other != path]
    known = _published_digests(others)
    said = []
    for place in known.keys() - sources.keys():
        if is_inside(place) and belongs_to(place.name, experiment) and sha256_if_there(place) in known[place]:
            if _has_original(place, others):
                place.unlink()
            else:
                said.append(f"{place} is of other settings, and there is no other copy. It was moved to {set_aside(place)}.")
    for place, source in sources.items():
        if os.path.lexists(place) and sha256_if_there(place) not in known[place]:
            said.append(f"{place} was not made by this workflow. It was moved to {set_aside(place)}.")
        place.parent.mkdir(parents=True, exist_ok=True)
        copy_atomically(source, place)
    stamp(path, recipe, sources, origin)
    for other in others:
        if other.parent == path.parent:
            drop_stamp(other)
    return said


def _place(stamp: Path, name: str) -> Path:
    """Return where a file is published: in the folder of its stamp; tables and figures of other stages in those of such."""
    if stamp.parent.name in PUBLISHED:
        return stamp.with_name(name)
    tables, figures = (stamp.parent.with_name(folder) for folder in PUBLISHED[:2])
    return (tables if name.endswith(TABLES) else figures) / name


def _has_original(place: Path, stamps: Iterable[Path]) -> bool:
    """Return whether a file is the copy of one that a stamp stands for and that is there, so that nothing is lost with it."""
    originals = [file for stamp in stamps for file in stands_for(stamp) if in_own_folder(file, stamp) and file.name == place.name]
    return sha256_if_there(place) in map(sha256_if_there, originals)


def _check_published(place: Path, experiment: str) -> None:
    check_inside(place)
    if not belongs_to(place.name, experiment):
        raise ArtifactError(f"Expected tables and figures of {experiment}; got {place.name}. Remake the stamp that names it.")


def _stamps(root: Path, experiment: str) -> Iterator[Path]:
    """Find the good stamps of an experiment, whatever its settings were."""
    for path in sorted(root.glob(f"*/*{STAMP}")):
        try:
            if is_inside(path) and sealed_recipe(checked(path)).settings.get("experiment") == experiment:
                yield path
        except ArtifactError:
            continue


def _published_digests(stamps: Iterable[Path]) -> dict[Path, set[str]]:
    """Return place without a key -> SHA-256 of everything that was, or may have been, copied there."""
    digests: dict[Path, set[str]] = defaultdict(set)
    for path in stamps:
        for file, sha256 in stands_for(path).items():
            place = path.with_name(file.name) if file.parent == keyed_folder(path) else file
            digests[place].add(sha256)
    return digests
