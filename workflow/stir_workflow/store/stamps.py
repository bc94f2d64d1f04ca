"""Folders of files, and the stamps that stand for them.

Tables and figures are several files of one recipe: they lie in a folder with the key in its
name. Beside it a sealed stamp holds their SHA-256, and is worth something only while they match.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from stir.digests import sha256_of
from stir.errors import ArtifactError
from stir.files import read_bounded
from stir.names import shortened
from stir_workflow.store.artifacts import checked, seal_path, sealing
from stir_workflow.store.identity import Recipe

STAMP = ".stamp"
STAMP_BYTES = 2**24
PUBLISHED = ("tables", "figures", "report")
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
        the folders of tables, figures and reports beside its own, called as the stamp is.
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
    copy = folders in ([top] for top in PUBLISHED) and belongs_to(file, stamp.stem.rpartition("-")[0])
    return (own or copy) and bool(_FILE.match(file))


def stands_for(path: Path) -> dict[Path, str]:
    """Return the files that a stamp names, and their SHA-256; none if it names what it must not, or cannot be read."""
    try:
        return read_stamp(path)
    except ArtifactError:
        return {}


def altered(path: Path) -> list[Path]:
    """Return the files that a stamp names and that are absent, unreadable, or have another content."""
    return [file for file, sha256 in stands_for(path).items() if sha256_if_there(file) != sha256]


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


def belongs_to(name: str, experiment: str) -> bool:
    """Return whether a file is called as an experiment's tables and figures are."""
    return name.startswith((f"{experiment}.", f"{experiment}-"))


def sha256_if_there(file: Path) -> str | None:
    """Return the SHA-256 of a file, or none if there is nothing to read."""
    try:
        return sha256_of(file) if file.is_file() else None
    except (OSError, ValueError):
        return None
