"""Checkpoints of several files: shards that an index lists, or that lie in one folder."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from stir.digests import sha256_of
from stir.errors import CheckpointError
from stir.models.safetensors_files import read_json
from stir.names import shortened, shown

MAX_INDEX = 64 * 2**20
MAX_SHARDS = 1000
INDEX = ".index.json"
SHARD = re.compile(r"\A(.+)-\d{5}-of-(\d{5})\.(safetensors|bin|pt)\Z")
PREFERRED = ((f".safetensors{INDEX}",), (INDEX,), (".safetensors",), (".bin", ".pt", ".pth", ".ckpt", ".npz", ".tar"))
"""Endings of what is taken from a folder: the first kind that is there."""


@dataclass(frozen=True)
class Parts:
    """The files of a checkpoint."""

    files: tuple[Path, ...]
    index: Path | None = None
    listed: Mapping[str, str] | None = None
    """Name of a tensor -> name of its file."""

    def check(self, part: Path, names: Collection[str], before: Collection[str]) -> None:
        """Refuse a shard that holds other tensors than the index says, or one that another shard has, too.

        Raises
        ------
        CheckpointError
            Naming the tensor.
        """
        if twice := next((name for name in names if name in before), None):
            raise CheckpointError(f"has {shortened(twice)}, and another shard has it, too. Get the shards again.")
        if self.listed is None:
            return
        expected = {name for name, file in self.listed.items() if file == part.name}
        if wrong := sorted(expected ^ set(names)):
            raise CheckpointError(
                f"does not hold what {shown(self.index)} says, for example {shortened(wrong[0])}. Get both again."
            )


def parts_of(path: Path) -> Parts:
    """Return the files that a path stands for: itself, what an index of shards lists, or what lies in a folder.

    Raises
    ------
    CheckpointError
        If a folder holds no checkpoint, or several, or an index names files elsewhere.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.name.endswith(".json") and path.is_file():
        return _of_index(path)
    return Parts((path,))


def sha256_of_parts(path: Path) -> str:
    """Return the SHA-256 of a checkpoint: its file's; for shards, that of the list that ``sha256sum`` prints of them all.

    Notes
    -----
    The list is in the order of names: ``cd FOLDER && LC_ALL=C sha256sum *.index.json *.safetensors | LC_ALL=C sort -k 2 |
    sha256sum``.
    """
    parts = parts_of(path)
    if len(parts.files) == 1 and parts.index is None:
        return sha256_of(parts.files[0])
    files = sorted([*parts.files, *filter(None, [parts.index])], key=lambda each: each.name)
    return hashlib.sha256("".join(f"{sha256_of(file)}  {file.name}\n" for file in files).encode()).hexdigest()


def _in_folder(folder: Path) -> Parts:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    for endings in PREFERRED:
        found = [file for file in files if file.name.endswith(endings)]
        if len(found) == 1:
            return _of_index(found[0]) if found[0].name.endswith(INDEX) else Parts((found[0],))
        if _are_all_shards(found):
            return Parts(tuple(found))
        if found:
            names = ", ".join(shortened(file.name) for file in found[:5])
            raise CheckpointError(
                f"Expected one checkpoint in the folder {shown(folder)}; got {len(found)}: {names}. Give one of them."
            )
    raise CheckpointError(f"Expected a checkpoint in the folder {shown(folder)}; there is none. Give the file itself.")


def _are_all_shards(files: list[Path]) -> bool:
    """Return whether files are all the shards of one checkpoint, by their names."""
    matches = [SHARD.match(file.name) for file in files]
    parts = [match.groups() for match in matches if match]
    return bool(parts) and len(parts) == len(files) and len(set(parts)) == 1 and int(parts[0][1]) == len(files)


def _of_index(index: Path) -> Parts:
    if index.stat().st_size > MAX_INDEX:
        raise CheckpointError(f"{shown(index)} is larger than an index of shards can be. Give the file with the weights.")
    content = read_json(index.read_bytes(), f"{shown(index)}")
    listed = content.get("weight_map")
    if listed is None:
        raise CheckpointError(f"{shown(index)} is a JSON text. Give the file with the weights, not the one that describes them.")
    if not isinstance(listed, dict) or not listed or not all(isinstance(name, str) for name in listed.values()):
        raise CheckpointError(f"{shown(index)} lists no shards: expected weight_map, name -> file. Get it again.")
    names = sorted(set(listed.values()))
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,254}", name):
            raise CheckpointError(f"{shown(index)} names {shortened(name)}, which is no file of its own folder. Get it again.")
    if len(names) > MAX_SHARDS:
        raise CheckpointError(f"{shown(index)} names more than {MAX_SHARDS:,} files. Get it again.")
    return Parts(tuple(index.with_name(name) for name in names), index, listed)
