"""Sealed, atomic artifacts: written whole or not at all, and checked when read.

An artifact ``name-<key>.h5`` has a seal beside it, ``name-<key>.h5.json``, with
its size, SHA-256, recipe and provenance. The seal is written first and the
artifact renamed into place last, so a file under its final name is complete.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stir.errors import ArtifactError
from stir.identity import Recipe
from stir.provenance import code_version, package_versions, processor

QUARANTINE = ".quarantine"


def seal_path(path: Path) -> Path:
    """Return where the seal of an artifact lies."""
    return path.with_name(path.name + ".json")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def sealing(path: Path, recipe: Recipe, *, device: str = "cpu", device_kind: str | None = None) -> Iterator[Path]:
    """Give a temporary path to write to; seal it and rename it to ``path`` at the end.

    Nothing appears under the final name if the block raises.

    Parameters
    ----------
    path : Path
        The artifact's final name.
    recipe : Recipe
        What it is made by.
    device : str
        What it was computed on, ``"cpu"`` or ``"cuda"``.
    device_kind : str, optional
        Which kind of device that is; the processor if it is not given.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    ArtifactError
        If the file's name does not carry the recipe's key, or nothing was written.
    """
    if recipe.key not in path.name:
        raise ArtifactError(
            f"Expected a file name with the key {recipe.key} of its recipe; got {path.name!r}. "
            "Plan and job disagree: run from one checkout, with one version of the package."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        if not temporary.is_file():
            raise ArtifactError(f"Nothing was written for {path}.")
        _flush(temporary)
        seal = {
            "sha256": sha256_of(temporary),
            "size": temporary.stat().st_size,
            "recipe": json.loads(recipe.to_json()),
            "key": recipe.key,
            "device": device,
            "device_kind": device_kind or processor(),
            "versions": package_versions(),
            "code_version": code_version(),
        }
        write_atomically(seal_path(path), json.dumps(seal, indent=1, sort_keys=True) + "\n")
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write text to a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        _flush(temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_seal(path: Path) -> dict[str, Any]:
    """Read the seal of an artifact.

    Raises
    ------
    ArtifactError
        If there is none, or it is not JSON with what a seal holds.
    """
    try:
        seal = json.loads(seal_path(path).read_text(encoding="utf-8"))
        Recipe.from_json(json.dumps(seal["recipe"]))
        if {"sha256", "size", "key"} <= seal.keys():
            return seal
    except FileNotFoundError:
        raise ArtifactError(f"{path} has no seal {seal_path(path).name}; remake it.") from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        pass
    raise ArtifactError(f"The seal {seal_path(path)} cannot be read; remake {path.name}.")


def checked(path: Path) -> Path:
    """Return ``path`` if its content is what its seal says.

    Raises
    ------
    ArtifactError
        If the file is absent, unsealed, altered, or another artifact's.
    """
    if not path.is_file():
        raise ArtifactError(f"Expected the artifact {path}; there is no such file. Run the workflow to make it.")
    seal = read_seal(path)
    recipe = Recipe(**seal["recipe"])
    if recipe.key != seal["key"] or seal["key"] not in path.name:
        raise ArtifactError(f"{path} carries the seal of another artifact (key {recipe.key}); remake it.")
    size = path.stat().st_size
    if size != seal["size"]:
        raise ArtifactError(f"{path} has {size} bytes; its seal says {seal['size']}. It was cut or altered; remake it.")
    if sha256_of(path) != seal["sha256"]:
        raise ArtifactError(f"The content of {path} is not what its seal says (SHA-256 differs); remake it.")
    return path


def verify(paths: Iterable[Path], *, memory: Path | None = None) -> dict[Path, str]:
    """Check every artifact that exists; say what is wrong with each bad one.

    Parameters
    ----------
    paths : iterable of Path
        Artifacts; those that do not exist are passed over.
    memory : Path, optional
        A JSON file that remembers (size, mtime, inode) of what was found good,
        so that only new files are hashed. Without it every file is hashed.

    Returns
    -------
    dict
        Path -> what is wrong. Empty if all is well.
    """
    known = _read_memory(memory)
    seen: dict[str, list[int]] = {}
    bad: dict[Path, str] = {}
    for path in paths:
        if not path.is_file():
            continue
        mark = _mark(path)
        if known.get(str(path)) != mark:
            try:
                checked(path)
            except ArtifactError as error:
                bad[path] = str(error)
                continue
        seen[str(path)] = mark
    if memory is not None and not seen.items() <= known.items():
        write_atomically(memory, json.dumps(known | seen))
    return bad


def sealed_files(paths: Iterable[Path]) -> list[Path]:
    """Return given files, and the files in given folders that have a seal and are not set aside."""
    found: list[Path] = []
    for path in paths:
        inside = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if seal_path(file).is_file()]
        found += [file for file in inside if QUARANTINE not in file.parts]
    return found


def _mark(path: Path) -> list[int]:
    """Return what changes when a file or its seal does: sizes, times and inodes."""
    seal = seal_path(path)
    stats = [path.stat()] + ([seal.stat()] if seal.exists() else [])
    return [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns, stat.st_ino)]


def _read_memory(memory: Path | None) -> dict[str, list[int]]:
    try:
        return json.loads(memory.read_text(encoding="utf-8")) if memory else {}
    except (OSError, ValueError):
        return {}


def set_aside(path: Path) -> Path:
    """Move a bad artifact and its seal to a quarantine folder beside it; return where.

    Nothing is deleted: what was there can be looked at.
    """
    folder = path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    number = 0
    while (place := folder / f"{path.name}.{number}").exists():
        number += 1
    path.rename(place)
    if seal_path(path).exists():
        seal_path(path).rename(folder / f"{path.name}.{number}.json")
    return place
