"""Folders of files, the stamps that stand for them, and copies under names that stay.

Tables and figures are several files of one recipe: they lie in a folder with the key in its
name. Beside it a sealed stamp holds their SHA-256, and is worth something only while they
match. People and DVC find copies under names without a key; a stamp of its own stands for these.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from stir.artifacts import checked, copy_atomically, read_seal, seal_path, sealing, set_aside, sha256_of
from stir.errors import ArtifactError
from stir.identity import Recipe

STAMP = ".stamp"


def keyed_folder(path: Path) -> Path:
    """Return the folder of the files that the stamp of a table or figure stands for."""
    return path.with_suffix("")


def stamp(path: Path, recipe: Recipe, files: Iterable[Path], origin: str | None = None) -> None:
    """Write a sealed stamp for files, named from the folder above the stamp's."""
    content = {file.relative_to(path.parent.parent).as_posix(): sha256_of(file) for file in sorted(files)}
    with sealing(path, recipe, origin=origin) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def drop_stamp(path: Path) -> None:
    """Remove a stamp and its seal; what it stood for stays."""
    path.unlink(missing_ok=True)
    seal_path(path).unlink(missing_ok=True)


def stands_for(path: Path) -> dict[Path, str]:
    """Return the files that a stamp names, whether they are there or not, and their SHA-256; none if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {path.parent.parent / name: sha256 for name, sha256 in content.items()} if isinstance(content, dict) else {}


def altered(path: Path) -> list[Path]:
    """Return the files that a stamp names and that are absent, unreadable, or have another content."""
    return [file for file, sha256 in stands_for(path).items() if _sha256(file) != sha256]


def stamped(path: Path) -> dict[str, Path]:
    """Return the files that a stamp stands for, by name, if all of them match it.

    Raises
    ------
    ArtifactError
        If the stamp is bad, or a file is absent or has another content.
    """
    checked(path)
    for file in altered(path):
        raise ArtifactError(f"{file} is not the one that {path.name} stands for; run the workflow to make it again.")
    return {file.name: file for file in stands_for(path)}


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
    sources = {stamp.with_name(name): file for stamp in stamps for name, file in stamped(stamp).items()}
    check_unclaimed(path, recipe.settings["experiment"], sources, origin)
    others = [other for other in _stamps(path.parent.parent, recipe.settings["experiment"]) if other != path]
    known = _published_digests(others)
    said = []
    for place in known.keys() - sources.keys():
        if place.is_file() and sha256_of(place) in known[place]:
            place.unlink()
    for place, source in sources.items():
        if place.exists() and sha256_of(place) not in known[place]:
            said.append(f"{place} was not made by this workflow. It was moved to {set_aside(place)}.")
        copy_atomically(source, place)
    stamp(path, recipe, sources, origin)
    for other in others:
        if other.parent == path.parent:
            drop_stamp(other)
    return said


def _stamps(root: Path, experiment: str) -> Iterator[Path]:
    """Find the good stamps of an experiment, whatever its settings were."""
    for path in sorted(root.glob(f"*/*{STAMP}")):
        try:
            if read_seal(checked(path))["recipe"]["settings"].get("experiment") == experiment:
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


def _sha256(file: Path) -> str | None:
    """Return the SHA-256 of a file, or none if there is nothing to read."""
    try:
        return sha256_of(file) if file.is_file() else None
    except (OSError, ValueError):
        return None
