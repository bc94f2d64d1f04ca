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
    content: dict[str, str] = json.loads(checked(path).read_text(encoding="utf-8"))
    for name, sha256 in content.items():
        file = path.with_name(name)
        if not file.is_file() or sha256_of(file) != sha256:
            raise ArtifactError(f"{file} is not the one that {path.name} was made with; it is remade.")
    return {name: path.with_name(name) for name in content}
