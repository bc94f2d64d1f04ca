"""Sealed, atomic artifacts: written whole or not at all, and checked when read.

An artifact ``name-<key>.h5`` has a seal beside it, ``name-<key>.h5.json``, with
its size, SHA-256, recipe and provenance, and a SHA-256 of the seal itself. The seal
is written first and the artifact renamed into place last, so a file under its final
name is complete.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stir.errors import ArtifactError
from stir.identity import Recipe
from stir.provenance import code_version, package_versions, processor

QUARANTINE = ".quarantine"
OWN_SHA256 = "seal_sha256"
OLD_KEYS = {"sha256", "size", "recipe", "key", "device", "versions", "code_version"}
"""Of seals that were written before they had a SHA-256 of their own; they are as good as they were."""


def seal_path(path: Path) -> Path:
    """Return where the seal of an artifact lies."""
    return path.with_name(path.name + ".json")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def sealing(
    path: Path, recipe: Recipe, *, device: str = "cpu", device_kind: str | None = None, origin: str | None = None
) -> Iterator[Path]:
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
    origin : str, optional
        The file of the experiment that it was published for.

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
    temporary = path.with_name(f".{path.stem}.{_token()}.tmp{path.suffix}")
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
            **({} if origin is None else {"origin": origin}),
        }
        write_atomically(seal_path(path), seal_text(seal))
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write text to a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{_token()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        _flush(temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def copy_atomically(source: Path, path: Path) -> None:
    """Copy a file; the copy appears whole or not at all, and replaces a link by a file."""
    temporary = path.with_name(f".{path.name}.{_token()}.tmp")
    try:
        shutil.copyfile(source, temporary)
        _flush(temporary)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _token() -> str:
    """Return what no other writer has, on whatever machine of a shared file system."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def seal_text(seal: Mapping[str, Any]) -> str:
    """Return what a seal's file holds: what it says, and the SHA-256 of that."""
    said = {name: value for name, value in seal.items() if name != OWN_SHA256}
    return _dumped({**said, OWN_SHA256: hashlib.sha256(_dumped(said).encode()).hexdigest()})


def _dumped(seal: Mapping[str, Any]) -> str:
    return json.dumps(seal, indent=1, sort_keys=True) + "\n"


def read_seal(path: Path) -> dict[str, Any]:
    """Read the seal of an artifact.

    Raises
    ------
    ArtifactError
        If there is none, or it is not to the letter what `sealing` wrote.
    """
    try:
        text = seal_path(path).read_bytes().decode("utf-8")
        seal = json.loads(text)
        Recipe.from_json(json.dumps(seal["recipe"], allow_nan=False))
        summed = OWN_SHA256 in seal
        # Only a seal with a sum may say more than the old ones: else one flipped bit in the sum's name would do away with it.
        if (seal.keys() >= OLD_KEYS if summed else seal.keys() == OLD_KEYS) and text == (seal_text if summed else _dumped)(seal):
            return seal
    except FileNotFoundError:
        raise ArtifactError(f"{path} has no seal {seal_path(path).name}; remake it.") from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError, RecursionError):
        pass
    raise ArtifactError(f"The seal {seal_path(path)} cannot be read; remake {path.name}.")


def checked(path: Path) -> Path:
    """Return ``path`` if its content is what its seal says.

    Raises
    ------
    ArtifactError
        If the file is absent, unreadable, unsealed, altered, or another artifact's.
    """
    try:
        _check(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror or error}); remake it.") from error
    return path


def _check(path: Path) -> None:
    if not path.is_file():
        raise ArtifactError(_no_file(path))
    seal = read_seal(path)
    recipe = Recipe(**seal["recipe"])
    if recipe.key != seal["key"] or seal["key"] not in path.name:
        raise ArtifactError(f"{path} carries the seal of another artifact (key {recipe.key}); remake it.")
    size = path.stat().st_size
    if size != seal["size"]:
        raise ArtifactError(f"{path} has {size} bytes; its seal says {seal['size']}. It was cut or altered; remake it.")
    if sha256_of(path) != seal["sha256"]:
        raise ArtifactError(f"The content of {path} is not what its seal says (SHA-256 differs); remake it.")


def _no_file(path: Path) -> str:
    """Say what is there in place of a file."""
    if path.is_symlink():
        return f"{path} is a link to {path.readlink()}, where there is no file. Bring that back (dvc pull), or remake it."
    if path.exists():
        return f"Expected a file at {path}; there is a folder or device. Remake it."
    return f"Expected the artifact {path}; there is no such file. Run the workflow to make it."


def set_aside(path: Path) -> Path:
    """Move a bad artifact and its seal to a quarantine folder beside it; return where.

    Nothing is deleted: what was there can be looked at.

    Raises
    ------
    ArtifactError
        If the file system does not let it.
    """
    folder = path.parent / QUARANTINE
    try:
        folder.mkdir(exist_ok=True)
        number = 0
        while os.path.lexists(folder / f"{path.name}.{number}") or os.path.lexists(folder / f"{path.name}.{number}.json"):
            number += 1
        place = folder / f"{path.name}.{number}"
        _move(path, place)
        if os.path.lexists(seal_path(path)):
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
