"""Folders of files, the stamps that stand for them, and copies under names that stay.

Tables and figures are several files of one recipe: they lie in a folder with the key in its
name. Beside it a sealed stamp holds their SHA-256, and is worth something only while they
match. People and DVC find copies under names without a key; a stamp of its own stands for these.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from stir.digests import sha256_of
from stir.errors import ArtifactError
from stir.files import read_bounded
from stir.names import check_inside, check_name, is_inside, shortened
from stir_workflow.store.artifacts import (
    checked,
    copy_atomically,
    read_seal,
    seal_path,
    sealed_recipe,
    sealing,
    set_aside,
)
from stir_workflow.store.identity import Recipe

STAMP = ".stamp"
STAMP_BYTES = 2**24
PUBLISHED = ("tables", "figures")
"""Folders that copies are published in, beside that of the publications' stamps."""
_FILE = re.compile(r"\A[\w][\w.,+ -]{0,254}\Z", re.ASCII)
"""Of names in stamps: made of names of experiments, layers and measures, so that several may be joined."""
_SHA256 = re.compile(r"\A[0-9a-f]{64}\Z")


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


def read_stamp(path: Path) -> dict[Path, str]:
    """Return the files that a stamp names, whether they are there or not, and their SHA-256.

    Raises
    ------
    ArtifactError
        If it cannot be read, or names what no stamp stands for: all lie in the folder of its key, or are copies in
        the folders of tables and figures beside its own, called as the stamp is.
    """
    try:
        content = json.loads(read_bounded(path, STAMP_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"The stamp {path} cannot be read ({type(error).__name__}); remake it.") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"Expected names of files and their SHA-256 in the stamp {path}; got a {type(content).__name__}.")
    for name, sha256 in content.items():
        if not _may_be_named(name, path) or not (isinstance(sha256, str) and _SHA256.match(sha256)):
            raise ArtifactError(
                f"Expected the stamp {path} to name files in {keyed_folder(path).name}/ or {'/, '.join(PUBLISHED)}/ by their "
                f"SHA-256; got {shortened(name)}. It is not this workflow's; remake it."
            )
    return {path.parent.parent / name: sha256 for name, sha256 in content.items()}


def _may_be_named(name: str, stamp: Path) -> bool:
    *folders, file = name.split("/")
    own = folders == [stamp.parent.name, keyed_folder(stamp).name]
    copy = folders in ([top] for top in PUBLISHED) and _is_of(file, stamp.stem.rpartition("-")[0])
    return (own or copy) and bool(_FILE.match(file))


def stands_for(path: Path) -> dict[Path, str]:
    """Return the files that a stamp names, and their SHA-256; none if it names what it must not, or cannot be read."""
    try:
        return read_stamp(path)
    except ArtifactError:
        return {}


def altered(path: Path) -> list[Path]:
    """Return the files that a stamp names and that are absent, unreadable, or have another content."""
    return [file for file, sha256 in stands_for(path).items() if _sha256(file) != sha256]


def in_own_folder(file: Path, stamp: Path) -> bool:
    """Return whether a file lies in the folder of a stamp's key, and the folder is one, not a link."""
    folder = keyed_folder(stamp)
    return file.parent == folder and not folder.is_symlink()


def make_keyed_folder(path: Path) -> Path:
    """Make the folder of the files that a stamp is to stand for.

    Raises
    ------
    ArtifactError
        If a link lies there: files would be written to where it leads.
    """
    folder = keyed_folder(path)
    if folder.is_symlink():
        raise ArtifactError(f"Expected a folder at {folder}; got a link to {folder.readlink()}. Remove the link.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def stamped(path: Path) -> dict[str, Path]:
    """Return the files that a stamp stands for, by name, if all of them match it.

    Raises
    ------
    ArtifactError
        If the stamp is bad, or a file is absent or has another content.
    """
    files = read_stamp(checked(path))
    for file in altered(path):
        raise ArtifactError(f"{file} is not the one that {path.name} stands for; run the workflow to make it again.")
    return {file.name: file for file in files}


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
    sources = {stamp.with_name(name): file for stamp in stamps for name, file in stamped(stamp).items()}
    for place in sources:
        _check_published(place, experiment)
    check_unclaimed(path, experiment, sources, origin)
    others = [other for other in _stamps(path.parent.parent, experiment) if other != path]
    known = _published_digests(others)
    said = []
    for place in known.keys() - sources.keys():
        if is_inside(place) and _is_of(place.name, experiment) and _sha256(place) in known[place]:
            if _has_original(place, others):
                place.unlink()
            else:
                said.append(f"{place} is of other settings, and there is no other copy. It was moved to {set_aside(place)}.")
    for place, source in sources.items():
        if os.path.lexists(place) and _sha256(place) not in known[place]:
            said.append(f"{place} was not made by this workflow. It was moved to {set_aside(place)}.")
        copy_atomically(source, place)
    stamp(path, recipe, sources, origin)
    for other in others:
        if other.parent == path.parent:
            drop_stamp(other)
    return said


def _has_original(place: Path, stamps: Iterable[Path]) -> bool:
    """Return whether a file is the copy of one that a stamp stands for and that is there, so that nothing is lost with it."""
    originals = [file for stamp in stamps for file in stands_for(stamp) if in_own_folder(file, stamp) and file.name == place.name]
    return _sha256(place) in map(_sha256, originals)


def _check_published(place: Path, experiment: str) -> None:
    check_inside(place)
    if not _is_of(place.name, experiment):
        raise ArtifactError(f"Expected tables and figures of {experiment}; got {place.name}. Remake the stamp that names it.")


def _is_of(name: str, experiment: str) -> bool:
    """Return whether a file is called as an experiment's tables and figures are."""
    return name.startswith((f"{experiment}.", f"{experiment}-"))


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


def _sha256(file: Path) -> str | None:
    """Return the SHA-256 of a file, or none if there is nothing to read."""
    try:
        return sha256_of(file) if file.is_file() else None
    except (OSError, ValueError):
        return None
