"""Read weights from a file that others wrote: bounded in memory, never code, and said what it is where it is none."""

import contextlib
import io
import json
import os
import re
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from stir.errors import CheckpointError
from stir.models.pickles import NEEDLESS_CODE, Rehearsal
from stir.names import shortened

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
ZIP = b"PK\x03\x04"
PICKLE = b"\x80"
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first pickle of files that torch.save wrote before version 1.6: a magic number."""
LEGACY_PICKLES = 4
"""Magic number, version, system, content; a list of storages follows, and their bytes."""
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
NO_TEXT = 2**48
"""Eight characters of a text, read as the length of a header, are more."""
MAX_HEADER = 16 * 2**20
"""Bytes of a safetensors header; 100,000 tensors take 10 MB."""
MAX_GROWTH, ALLOWANCE = 10, 16 * 2**20
"""How much larger than its zip archive a checkpoint may be; torch.save does not compress at all."""


def shown(path: object) -> str:
    """Return a path or URL as messages name it: on one line."""
    return str(path) if str(path).isprintable() else shortened(str(path), 200)


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


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file or a torch state dict, weights only.

    Raises
    ------
    CheckpointError
        If the file is neither, or would run code on loading.
    """
    try:
        with regular_file(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(512)
            if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < NO_TEXT:
                return _safetensors(path, file)
            content = _unpickled(file, size, start)
        return _unwrapped(content, path)
    except CheckpointError as error:
        raise CheckpointError(str(error) if str(error).startswith("Expected") else f"{shown(path)} {error}") from error
    except (OSError, MemoryError) as error:
        raise CheckpointError(f"{shown(path)} cannot be read ({one_line(error) or 'out of memory'}).") from error


def one_line(error: BaseException) -> str:
    """Return what PyTorch and others say, on one line, without colours and advice to switch checks off."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return " ".join(text.split())[:300]


def _unpickled(file: IO[bytes], size: int, start: bytes) -> Any:
    """Return what a file of torch.save holds, after a rehearsal of what it would take."""
    if start.startswith(ZIP):
        _rehearse_zip(file, size)
    elif start.startswith(LEGACY):
        rehearsal = Rehearsal(None, size)
        file.seek(0)
        for _ in range(LEGACY_PICKLES):
            rehearsal.follow(file)
        rehearsal.follow_list_of_storages(file)
    else:
        raise CheckpointError(_what_it_is(file, start))
    try:
        file.seek(0)  # and not the path: PyTorch takes any file that is named .safetensors for one
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what a broken pickle raises is anyone's guess
        raise CheckpointError(
            f"cannot be read by PyTorch ({one_line(error)}): cut or damaged. Get it again, and compare its SHA-256."
        ) from error


def _what_it_is(file: IO[bytes], start: bytes) -> str:
    """Say what a file is that is no checkpoint."""
    if not start:
        return "is empty. Get it again."
    if start[0:1] == PICKLE:
        file.seek(0)
        Rehearsal(None, 0).follow(file)
        return f"is a pickle that torch.save did not write, or is cut. {NEEDLESS_CODE}"
    begins = start.lower().lstrip(b"\xef\xbb\xbf \t\r\n")
    other = next((what for beginning, what in OTHERS.items() if begins.startswith(beginning)), None)
    if start[257:262] == b"ustar":
        other = "is a tar archive. Unpack it; one that torch.save wrote before version 0.1.10 has to be saved again"
    return (
        f"{other}."
        if other
        else (
            f"is neither safetensors nor a file of torch.save: it begins with {shortened(start[:16])}. "
            "It is cut, damaged, or something else. Get it again, and compare its SHA-256."
        )
    )


def _rehearse_zip(file: IO[bytes], size: int) -> None:
    """Refuse an archive that is no checkpoint, or unpacks to much more than its size."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            unpacked = sum(entry.file_size for entry in archive.infolist())
            _check_entries(archive, entries, size, unpacked)
            (pickle,) = [name for name in entries if re.fullmatch(r"[^/]*/data\.pkl", name)]
            data = pickle.removesuffix("data.pkl") + "data/"
            held = {name.removeprefix(data): entry.file_size for name, entry in entries.items() if name.startswith(data)}
            Rehearsal(held, unpacked).follow(io.BytesIO(archive.read(pickle)))
    except CheckpointError:
        raise
    except Exception as error:  # struct.error, NotImplementedError, zlib.error and others, by what is damaged
        raise CheckpointError(
            f"is a cut or damaged zip archive ({one_line(error)}). Get it again, and compare its SHA-256."
        ) from error


def _check_entries(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], size: int, unpacked: int) -> None:
    # PyTorch's reader does not tell capitals from small letters, and does not look for a beginning elsewhere.
    once = len({name.lower() for name in entries}) == len(archive.infolist())
    if not once or min(entry.header_offset for entry in entries.values()) != 0:
        raise CheckpointError(
            "is a zip archive that has one name twice, or begins elsewhere than at its first byte. Get it again."
        )
    tops = {name.partition("/")[2] for name in entries}
    if "constants.pkl" in tops or any(top.startswith("code/") for top in tops):
        raise CheckpointError(
            "is a TorchScript archive, which holds code. Save its state_dict() (torch.jit.load(...).state_dict())."
        )
    if "data.pkl" not in tops:
        names = shortened(sorted(entries)[:3])
        raise CheckpointError(f"is a zip archive, but not of torch.save: it holds {names}. Unpack it, and give the file within.")
    if unpacked > MAX_GROWTH * size + ALLOWANCE:
        raise CheckpointError(
            f"would unpack from {size:,} to {unpacked:,} bytes, so it is refused; torch.save does not compress. "
            "Save it again with torch.save, best as safetensors."
        )


def _safetensors(path: Path, file: IO[bytes]) -> dict[str, Tensor]:
    read_header(file)
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError; KeyError for a type of numbers that PyTorch lacks
        raise CheckpointError(
            f"is not a whole safetensors file ({one_line(error)}): cut or damaged. Get it again, and compare its SHA-256."
        ) from error


def read_header(file: IO[bytes]) -> dict[str, Any]:
    """Read the header of a safetensors file.

    Raises
    ------
    CheckpointError
        If it is too long, is no JSON, or has one name twice: two readers could read two different files.
    """
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER, os.fstat(file.fileno()).st_size - 8):
        raise CheckpointError(
            f"is no whole safetensors file: its header would have {length:,} bytes. Cut, or something else; get it again."
        )
    try:
        header = json.loads(file.read(length), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"is no safetensors file: its header is no JSON ({one_line(error)}). Get it again.") from error
    if not isinstance(header, dict):
        raise CheckpointError("is no safetensors file: its header is no mapping. Get it again.")
    return header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CheckpointError(f"has the name {shortened(twice)} twice in its header. Save it again.")
    return values


def _unwrapped(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the one state dict that a file holds, by itself or under a usual name."""
    found = [name for name in WRAPPERS if isinstance(content, Mapping) and isinstance(content.get(name), Mapping)]
    full = [name for name in found if _is_state_dict(content[name])]
    if len(full) > 1:
        raise CheckpointError(
            f"holds {len(full)} state dicts, under {' and '.join(map(repr, full))}. Save the one that is meant on its own."
        )
    weights = content[(full or found)[0]] if found else content
    place = f" under {(full or found)[0]!r}" if found else ""
    if not isinstance(weights, Mapping) or not weights:
        raise CheckpointError(_no_state_dict(weights, place))
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(_no_state_dict(value, f" at {shortened(name)}{place}"))
        if value.layout is not torch.strided or value.is_meta or value.is_quantized or value.is_nested:
            raise CheckpointError(f"holds no plain tensor at {shortened(name)}{place}. Store it dense, with its values.")
    if found and (others := [name for name, value in content.items() if value is not weights and _is_as_large(value, weights)]):
        warnings.warn(
            f"{shown(path)} also holds weights under {shortened(others[0])}; those{place} are loaded. If the others are meant, "
            "save them on their own.",
            stacklevel=4,
        )
    return dict(weights)


def _is_as_large(value: object, weights: Mapping[str, Tensor]) -> bool:
    """Return whether it is a further state dict of the network: an average, say, or the best so far."""
    return isinstance(value, Mapping) and len(value) >= len(weights) and _is_state_dict(value)


def _no_state_dict(came: object, place: str) -> str:
    what = "nothing" if isinstance(came, Mapping) and not came else f"a value of type {type(came).__name__}"
    return (
        f"holds no state dict: expected name -> tensor, or that under {', '.join(WRAPPERS)}; got {what}{place}. {NEEDLESS_CODE}"
    )


def _is_state_dict(value: Mapping[Any, Any]) -> bool:
    return bool(value) and all(isinstance(each, Tensor) for each in value.values())
