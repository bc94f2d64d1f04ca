"""Files of safetensors, and of NumPy's npz."""

import json
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors.torch import load, load_file
from torch import Tensor

from stir.errors import CheckpointError
from stir.models.messages import one_line
from stir.models.torch_files import Content, damaged_archive, directory
from stir.names import shortened

NO_TEXT = 2**48
"""Eight characters of a text, read as the length of a header, are more."""
MAX_HEADER = 16 * 2**20
"""Bytes of a safetensors header; 100,000 tensors take 10 MB."""


def is_safetensors(start: bytes) -> bool:
    """Return whether a file begins as one of safetensors does."""
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") < NO_TEXT


def read_safetensors(file: IO[bytes], size: int, path: Path | None) -> Content:
    """Read a safetensors file; by its path, if it has one, so that its pages are mapped.

    Raises
    ------
    CheckpointError
        If it is cut, damaged or altered.
    """
    read_header(file, size)
    file.seek(0)
    try:
        return Content("a safetensors file", load_file(path) if path else load(file.read(size)))
    except Exception as error:  # SafetensorError; KeyError for a type of numbers that PyTorch lacks
        raise CheckpointError(
            f"is not a whole safetensors file ({one_line(error)}): cut or damaged. Get it again, and compare its SHA-256."
        ) from error


def read_header(file: IO[bytes], size: int | None = None) -> dict[str, Any]:
    """Read the header of a safetensors file.

    Raises
    ------
    CheckpointError
        If it is too long, is no JSON, or has one name twice: two readers could read two different files.
    """
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER, (os.fstat(file.fileno()).st_size if size is None else size) - 8):
        raise CheckpointError(
            f"is no whole safetensors file: its header would have {length:,} bytes. Cut, or something else; get it again."
        )
    return read_json(file.read(length), "is no safetensors file: its header")


def read_json(text: bytes, what: str) -> dict[str, Any]:
    """Read a mapping in which each name stands once.

    Raises
    ------
    CheckpointError
        If it is none.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is no JSON ({one_line(error)}). Get it again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{what} is no mapping. Get it again.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CheckpointError(f"has the name {shortened(twice)} twice in its header. Save it again.")
    return values


def read_npz(file: IO[bytes], size: int) -> Content:
    """Read NumPy's arrays, none of objects.

    Raises
    ------
    CheckpointError
        If it is cut or damaged, or holds objects.
    """
    archive, entries = directory(file, size)
    with damaged_archive():
        tree = {}
        for name, entry in entries.items():
            with archive.open(name) as member:
                tree[name.removesuffix(".npy")] = _array(name, member, entry.file_size)
        return Content("an npz file", tree)


def _array(name: str, member: IO[bytes], size: int) -> Tensor:
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(member)
    header = member.tell()
    if dtype.hasobject or dtype.kind not in "fiubc" or header + dtype.itemsize * int(np.prod(shape, dtype=object)) != size:
        raise CheckpointError(
            f"holds, at {shortened(name)}, no plain array (objects, or cut). Save one array per parameter, best as safetensors."
        )
    flat = np.frombuffer(bytearray(member.read()), dtype=dtype).astype(dtype.newbyteorder("="), copy=False)
    array = flat.reshape(shape, order="F" if is_fortran else "C")
    try:
        return torch.from_numpy(np.ascontiguousarray(array).reshape(shape))
    except TypeError as error:
        raise CheckpointError(f"holds, at {shortened(name)}, numbers that PyTorch lacks ({one_line(error)}).") from error
