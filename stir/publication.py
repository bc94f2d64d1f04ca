"""Folders of files, the stamps that stand for them, and copies under names that stay.

Tables and figures are several files of one recipe: they lie in a folder with the key in its
name. Beside it a sealed stamp holds their SHA-256, and is worth something only while they
match. People and DVC find copies under names without a key; a stamp of its own stands for these.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from stir.artifacts import checked, copy_atomically, read_seal, seal_path, sealing, set_aside, sha256_of
from stir.errors import ArtifactError
from stir.identity import Recipe


def keyed_folder(path: Path) -> Path:
    """Return the folder of the files that the stamp of a table or figure stands for."""
    return path.with_suffix("")


def stamp(path: Path, recipe: Recipe, files: Iterable[Path]) -> None:
    """Write a sealed stamp for files, named from the folder above the stamp's."""
    content = {file.relative_to(path.parent.parent).as_posix(): sha256_of(file) for file in sorted(files)}
    with sealing(path, recipe) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def drop_stamp(path: Path) -> None:
    """Remove a stamp and its seal; what it stood for stays."""
    path.unlink(missing_ok=True)
    seal_path(path).unlink(missing_ok=True)


def unmatched(path: Path) -> list[Path]:
    """Return the files of a stamp that are absent or have another content.

    Raises
    ------
    ArtifactError
        If the stamp itself is bad.
    """
    return [file for file, sha256 in _content(path).items() if not file.is_file() or sha256_of(file) != sha256]


def stamped(path: Path) -> dict[str, Path]:
    """Return the files that a stamp stands for, by name, if all of them match it.

    Raises
    ------
    ArtifactError
        If the stamp is bad, or a file is absent or has another content.
    """
    for file in unmatched(path):
        raise ArtifactError(f"{file} is not the one that {path.name} stands for; run the workflow to make it again.")
    return {file.name: file for file in _content(path)}


def publish(path: Path, recipe: Recipe, stamps: Iterable[Path]) -> list[str]:
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

    Returns
    -------
    list of str
        What was set aside, and where.
    """
    sources = {stamp.with_name(name): file for stamp in stamps for name, file in stamped(stamp).items()}
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
    stamp(path, recipe, sources)
    for other in others:
        if other.parent == path.parent:
            drop_stamp(other)
    return said


def _content(path: Path) -> dict[Path, str]:
    """Read a stamp: file -> SHA-256."""
    content: dict[str, str] = json.loads(checked(path).read_text(encoding="utf-8"))
    return {path.parent.parent / name: sha256 for name, sha256 in content.items()}


def _stamps(root: Path, experiment: str) -> Iterator[Path]:
    """Find the good stamps of an experiment, whatever its settings were."""
    for path in sorted(root.glob("*/*.stamp")):
        try:
            if read_seal(checked(path))["recipe"]["settings"].get("experiment") == experiment:
                yield path
        except ArtifactError:
            continue


def _published_digests(stamps: Iterable[Path]) -> dict[Path, set[str]]:
    """Return place without a key -> SHA-256 of everything that was, or may have been, copied there."""
    digests: dict[Path, set[str]] = defaultdict(set)
    for path in stamps:
        for file, sha256 in _content(path).items():
            place = path.with_name(file.name) if file.parent == keyed_folder(path) else file
            digests[place].add(sha256)
    return digests
