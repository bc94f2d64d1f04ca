"""Read weights from a file that others wrote: bounded in memory, never code, and said what it is where it is none."""

import contextlib
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from torch import Tensor

from stir.errors import CheckpointError
from stir.models.entries import Entry, flattened
from stir.models.messages import one_line
from stir.models.pickles import NEEDLESS_CODE, Unpickling
from stir.models.safetensors_files import is_safetensors, read_npz, read_safetensors
from stir.models.shards import parts_of
from stir.models.torch_files import MAGIC, Content, damaged_archive, read_old, read_zip
from stir.names import shortened, shown

ZIP = b"PK\x03\x04"
PICKLE = b"\x80"
OTHERS = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file that it stands for. Run `git lfs pull` where it lies",
    b"<!doctype html": "is an HTML page. Get the file itself: a link for downloads, not that of the page about it",
    b"<html": "is an HTML page. Get the file itself: a link for downloads, not that of the page about it",
    b"<?xml": "is an XML text, perhaps a server's error message. Get the file itself",
    b"{": "is a JSON text. Give the file with the weights, not the one that describes them",
    b"[": "is a JSON text. Give the file with the weights, not the one that describes them",
    b"\x89hdf": "is an HDF5 file (Keras?). Convert it to safetensors",
    b"\x93numpy": "is a NumPy array. Save a state dict, best as safetensors",
    b"\x1f\x8b": "is compressed with gzip. Unpack it",
    b"bzh": "is compressed with bzip2. Unpack it",
    b"\xfd7zxz": "is compressed with xz. Unpack it",
    b"7z\xbc\xaf": "is a 7z archive. Unpack it",
    b"rar!": "is a RAR archive. Unpack it",
    b"(\xb5/\xfd": "is compressed with Zstandard. Unpack it",
}
"""How a file that is no checkpoint begins, in lower case, and what it is."""
KINDS = {stat.S_ISFIFO: "a named pipe", stat.S_ISDIR: "a folder", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device"}
MAX_MEMBERS = 1000
"""Of a tar archive."""
OLD_TAR = {"sys_info", "pickle", "storages", "tensors"}
"""Members of an archive that torch.save wrote before version 0.1.10."""
ENDINGS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz", ".tar", ".t7")


def regular_file(path_or_text: str | Path) -> Path:
    """Return the path of a regular file.

    Raises
    ------
    CheckpointError
        If there is none, or it is a folder, a pipe, a device or a link to nothing.
    """
    expected = f"Expected a checkpoint file at {shown(path_or_text)}; "
    try:
        path = Path(path_or_text).expanduser()
        mode = path.stat().st_mode
    except (OSError, ValueError, RuntimeError) as error:
        why = "there is none"
        with contextlib.suppress(OSError, ValueError):
            why = f"it is a link to {shown(Path(path_or_text).readlink())}, where there is no file"
        detail = "" if isinstance(error, FileNotFoundError) else f" ({' '.join(str(error).split())})"
        raise CheckpointError(f"{expected}{why}{detail}. Check the path.") from error
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in KINDS.items() if is_kind(mode)), "no regular file")
        raise CheckpointError(f"{expected}there is none, but {kind}. Give the file itself.")
    return path


@dataclass(frozen=True)
class Weights:
    """What lies in a checkpoint, in one file or several."""

    kind: str
    entries: dict[str, Entry]
    """By dotted names."""
    left_out: tuple[str, ...]
    """Classes and functions of objects that were not made."""
    others: dict[str, str]
    """Names of the first values that are no tensors -> their types."""


def open_weights(path: Path, stack: contextlib.ExitStack) -> Weights:
    """Open a checkpoint: a file, a folder of one, or an index or folder of shards. The stack closes it.

    Raises
    ------
    CheckpointError
        If it is none, or is cut, damaged, altered or hostile.
    """
    parts = parts_of(path)
    kinds: list[str] = []
    entries: dict[str, Entry] = {}
    left_out: dict[str, None] = {}
    others: dict[str, str] = {}
    for part in parts.files:
        with naming(part):
            file = stack.enter_context(regular_file(part).open("rb"))
            content = contents(file, os.fstat(file.fileno()).st_size, part)
            found, more = flattened(content)
            parts.check(part, found, entries)
            entries |= found
            others |= more
            left_out |= dict.fromkeys(content.left_out)
            kinds.append(content.kind)
    kind = kinds[0] if len(kinds) == 1 else f"{len(kinds)} shards, each {kinds[0]}"
    return Weights(kind, entries, tuple(left_out), others)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return all tensors that a checkpoint holds, by dotted names: keys and what is under them.

    Raises
    ------
    CheckpointError
        If it is none, or is cut, damaged, altered or hostile.
    """
    with naming(path), contextlib.ExitStack() as stack:
        return {name: entry.load(name) for name, entry in open_weights(path, stack).entries.items()}


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin messages with the name of a file."""
    try:
        yield
    except CheckpointError as error:
        said = str(error).startswith("Expected") or shown(path) in str(error)
        raise CheckpointError(str(error) if said else f"{shown(path)} {error}") from error
    except (OSError, MemoryError) as error:
        raise CheckpointError(f"{shown(path)} cannot be read ({one_line(error) or 'out of memory'}).") from error


def contents(file: IO[bytes], size: int, path: Path | None) -> Content:
    """Return what a file holds; without a path it lies in an archive.

    Raises
    ------
    CheckpointError
        Saying what it is, if it is no checkpoint.
    """
    file.seek(0)
    start = file.read(512)
    if is_safetensors(start):
        return read_safetensors(file, size, path)
    if start.startswith(ZIP):
        return read_npz(file, size) if _is_npz(file) else read_zip(file, size)
    if MAGIC in start[:40]:
        return read_old(file, size)
    if start[257:262] == b"ustar" and path is not None:
        return _in_tar(file)
    if start.startswith(PICKLE):
        return _in_pickle(file)
    raise CheckpointError(_what_it_is(start))


def _is_npz(file: IO[bytes]) -> bool:
    with damaged_archive():
        names = zipfile.ZipFile(file).namelist()
    return bool(names) and all(name.endswith(".npy") for name in names)


def _in_tar(file: IO[bytes]) -> Content:
    """Read the one checkpoint that a tar archive holds, where it lies: nothing is unpacked."""
    file.seek(0)
    try:
        with contextlib.closing(tarfile.TarFile(fileobj=file)) as archive:
            members = [member for member, _ in zip(archive, range(MAX_MEMBERS), strict=False) if member.isreg()]
            if {member.name for member in members} >= OLD_TAR:
                raise CheckpointError("was written by torch.save before version 0.1.10. Save it again with a later version.")
            plain = [member for member in members if not Path(member.name).name.startswith(".") and not member.issparse()]
            ending = [member for member in plain if member.name.lower().endswith(ENDINGS)]
            chosen = plain if len(plain) == 1 else ending
            if len(chosen) != 1:
                names = shortened([member.name for member in plain[:5]])
                raise CheckpointError(f"is a tar archive of {len(plain)} files, {names}. Give the one with weights.")
            inner = archive.extractfile(chosen[0])
            assert inner is not None
            content = contents(inner, chosen[0].size, None)
    except (tarfile.TarError, ValueError, EOFError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"is a damaged tar archive ({one_line(error)}). Get it again, and compare its SHA-256.") from error
    return replace(content, kind=f"{content.kind} within a tar archive")


def _in_pickle(file: IO[bytes]) -> Content:
    """Read arrays from a pickle that torch.save did not write."""
    file.seek(0)
    reading = Unpickling({}, 0)
    content = Content("a pickle of arrays", reading.follow(file), left_out=tuple(reading.left_out))
    if not flattened(content)[0]:
        raise CheckpointError(f"is a pickle that torch.save did not write, or is cut. {NEEDLESS_CODE}")
    return content


def _what_it_is(start: bytes) -> str:
    """Say what a file is that is no checkpoint."""
    if not start:
        return "is empty. Get it again."
    begins = start.lower().lstrip(b"\xef\xbb\xbf \t\r\n")
    other = next((what for beginning, what in OTHERS.items() if begins.startswith(beginning)), None)
    if start[257:262] == b"ustar":
        other = "is a tar archive within a tar archive. Unpack it"
    return (
        f"{other}."
        if other
        else (
            f"is neither safetensors nor a file of torch.save: it begins with {shortened(start[:16])}. "
            "It is cut, damaged, or something else. Get it again, and compare its SHA-256."
        )
    )
