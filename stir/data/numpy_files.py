"""Arrays of a NumPy archive (npz) or of a folder of npy files; arrays with a wrong header are not read."""

import zipfile
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from stir.data.archives import checked_members
from stir.data.files import check_file, check_room, composed, files_in
from stir.names import shown

SUFFIX = ".npy"
Wanted = Callable[[Iterable[str]], list[str]]
"""Names of all arrays -> names of those to read."""


def read_folder(path: Path, wanted: Wanted) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the selected arrays of a folder of npy files, and the names of other files."""
    files = composed(files_in(path), path)
    there = {name.removesuffix(SUFFIX): path / file for name, file in files.items() if name.endswith(SUFFIX)}
    arrays = {name: read_npy(there[name]) for name in wanted(there)}
    return arrays, sorted(name for name in files if name.removesuffix(SUFFIX) not in arrays)


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an npy file."""
    check_file(path)
    with path.open("rb") as stream:
        size = path.stat().st_size
        return _read_array(stream, size, packed=size, what=shown(path))


def read_npz(path: Path, wanted: Wanted) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the selected arrays of an npz, and the names of other members."""
    with path.open("rb") as stream:
        if stream.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
            raise ValueError("it is a single array without a name; make an npz with numpy.savez, or give a folder of several")
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(SUFFIX): info for name, info in checked_members(archive, path).items()}
        arrays = {}
        for name in wanted(members):
            with archive.open(members[name]) as stream:
                what = f"{name} of {shown(path)}"
                arrays[name] = _read_array(stream, members[name].file_size, packed=path.stat().st_size, what=what)
        return arrays, sorted(members.keys() - arrays)


def _read_array(stream: IO[bytes], size: int, *, packed: int, what: str) -> np.ndarray:
    """Read an array if its header promises as many bytes as the file has."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{what} has version {version}, which images and labels do not need")
    shape, _, dtype = (np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0)(stream)
    if dtype.hasobject:
        raise ValueError(f"{what} has pickled objects, which can run code; save it as numbers (allow_pickle=False)")
    promised = prod(shape) * dtype.itemsize
    if promised != size - stream.tell() or any(n < 0 for n in shape):
        raise ValueError(f"{what} says that it is {dtype} {shape}, {promised} bytes, and has {size - stream.tell()}")
    check_room(promised, what, packed=packed)
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)
