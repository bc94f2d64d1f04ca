"""Files under fixed names, and the stamp that says which recipe they came from.

Tables and figures keep their names when a setting changes, so that people and DVC
find them. In the graph of jobs a stamp with a key in its name stands for them; it
holds their SHA-256, and is worth something only while they match.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from stir.artifacts import checked, sealing, sha256_of
from stir.errors import ArtifactError
from stir.identity import Recipe

STAMP = ".stamp"


def stamp(path: Path, recipe: Recipe, files: Iterable[Path]) -> None:
    """Write a sealed stamp for published files that lie in the stamp's folder."""
    content = {file.name: sha256_of(file) for file in sorted(files)}
    with sealing(path, recipe) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def published(path: Path) -> dict[str, Path]:
    """Return the files that a stamp stands for, by name, if all of them match it.

    Raises
    ------
    ArtifactError
        If the stamp is bad, or a file is absent or has another content.
    """
    checked(path)
    for file in altered(path):
        raise ArtifactError(f"{file} is not the one that {path.name} was made with; it is remade.")
    return {name: path.parent / name for name in json.loads(path.read_text(encoding="utf-8"))}


def stands_for(path: Path) -> dict[Path, str]:
    """Return the files that a stamp names, whether they are there or not, and their SHA-256; none if it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {path.parent / name: sha256 for name, sha256 in content.items()} if isinstance(content, dict) else {}


def altered(path: Path) -> list[Path]:
    """Return the files that a stamp names and that are absent, unreadable, or have another content."""
    return [file for file, sha256 in stands_for(path).items() if _sha256(file) != sha256]


def superseded(path: Path) -> list[Path]:
    """Return which `altered` files of a stamp another sound stamp in its folder vouches for, as published since."""
    wrong = altered(path)
    others = [other for other in path.parent.glob(f"*{STAMP}") if other != path] if wrong else []
    vouched = {(file, sha256) for other in others if _sound(other) for file, sha256 in stands_for(other).items()}
    return [file for file in wrong if (file, _sha256(file)) in vouched]


def _sound(path: Path) -> bool:
    try:
        return bool(checked(path))
    except ArtifactError:
        return False


def _sha256(file: Path) -> str | None:
    """Return the SHA-256 of a file, or none if there is nothing to read."""
    try:
        return sha256_of(file) if file.is_file() else None
    except (OSError, ValueError):
        return None
