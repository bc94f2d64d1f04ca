"""Arrays of an HDF5 file; values in other files, or that were never written, are refused."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from stir.data.files import check_room
from stir.data.numpy_files import Wanted
from stir.names import shown


def read_hdf5(path: Path, wanted: Wanted) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the selected arrays of an HDF5 file, and the names of its other members."""
    from stir.hdf5 import opened

    with opened(path) as file:
        names = wanted(list(file))
        arrays = {name: _read(file, name, path) for name in names}
        return arrays, sorted(set(file) - set(names))


def _read(file: Any, name: str, path: Path) -> np.ndarray:
    import h5py

    link = file.get(name, getlink=True)
    if not _stays_within(file, link.path if isinstance(link, h5py.SoftLink) else name):
        raise ValueError(f"{name} is a link to nothing, or to another file, which the fingerprint does not cover; copy it")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ValueError(f"{name} is a group, or has no values, where an array is expected")
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"values of {name} lie in another file, which the fingerprint does not cover; copy them")
    if dataset.dtype.hasobject and h5py.check_string_dtype(dataset.dtype) is None:
        raise ValueError(f"{name} has {dataset.dtype}, neither numbers nor text")
    _check_size(dataset, f"{name} of {shown(path)}", path.stat().st_size)
    return dataset[()]


def _stays_within(file: Any, name: str) -> bool:
    """Return whether a path in the file exists and contains no link, without following links: opening another file may block."""
    import h5py

    parts = name.strip("/").split("/")
    paths = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    return all(isinstance(file.get(path, getlink=True), h5py.HardLink) for path in paths)


def _check_size(dataset: Any, what: str, packed: int) -> None:
    check_room(dataset.nbytes, what, packed=packed)
    if dataset.chunks is None:
        written, expected = dataset.id.get_storage_size(), dataset.nbytes
    else:
        check_room(prod(dataset.chunks) * dataset.dtype.itemsize, f"a chunk of {what}", packed=packed)
        written = dataset.id.get_num_chunks()
        expected = prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if written < expected or (written > expected and not dataset.dtype.hasobject):  # text of variable length has more
        unit = "bytes" if dataset.chunks is None else "chunks"
        raise ValueError(f"of {expected} {unit} of {what}, {written} were written; the others would be black")
