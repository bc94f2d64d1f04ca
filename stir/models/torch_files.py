"""Files of `torch.save`: the zip archive of today, and the row of pickles that it wrote before version 1.6."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import torch
from torch import Tensor

from stir.errors import CheckpointError
from stir.models.messages import one_line
from stir.models.pickles import Unpickling, damage
from stir.models.stored import Storage
from stir.names import shortened

MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""Ends the first pickle of old files."""
OLD_PICKLES = 3
"""Magic number, version, system; content, a list of storages, and their bytes follow."""
MAX_GROWTH, ALLOWANCE = 10, 16 * 2**20
"""How much larger than its zip archive a checkpoint may be; torch.save does not compress at all."""


def _nothing(storage: Storage) -> Tensor:
    raise ValueError(f"no storage {storage.key}")


@dataclass(frozen=True)
class Content:
    """What a file holds: mappings of names to tensors, read or `Stored`, perhaps nested; and how to read those."""

    kind: str
    tree: Any
    read: Callable[[Storage], Tensor] = _nothing
    left_out: tuple[str, ...] = ()
    """Classes and functions that stand-ins stand for."""


def read_old(file: IO[bytes], size: int) -> Content:
    """Read a file that torch.save wrote before version 1.6, or would have.

    Raises
    ------
    CheckpointError
        If it is cut, damaged or altered.
    """
    reading = Unpickling(None, size)
    file.seek(0)
    for _ in range(OLD_PICKLES):
        reading.follow(file)
    tree = reading.follow(file)
    with damage():
        places = _places(file, size, reading.follow(file), reading.storages)

    def read(storage: Storage) -> Tensor:
        file.seek(places[storage.key])
        return _bytes(file, storage.n_bytes)

    return Content("a file of torch.save in its old format", tree, read, tuple(reading.left_out))


def _places(file: IO[bytes], size: int, listed: Any, storages: Mapping[str, Storage]) -> dict[str, int]:
    """Return where the bytes of each storage begin: in the order of a list, after the number of its numbers."""
    texts = isinstance(listed, list) and all(isinstance(key, str) for key in listed)
    if not texts or len(listed) != len(storages) or set(listed) != storages.keys():
        raise ValueError("it does not list the storages that it promises")
    places, at = {}, file.tell()
    for key in listed:
        file.seek(at)
        if int.from_bytes(file.read(8), "little") != storages[key].count or at + 8 + storages[key].n_bytes > size:
            raise ValueError("it does not hold the storages that it promises")
        places[key] = at + 8
        at += 8 + storages[key].n_bytes
    return places


def _bytes(file: IO[bytes], n_bytes: int) -> Tensor:
    """Read so many bytes, without a copy."""
    if n_bytes == 0:
        return torch.empty(0, dtype=torch.uint8)
    content = bytearray(n_bytes)
    view, at = memoryview(content), 0
    while at < n_bytes:
        came = file.readinto(view[at:])  # type: ignore[attr-defined]
        if not came:
            raise CheckpointError("is cut: it ends within the weights. Get it again, and compare its SHA-256.")
        at += came
    return torch.frombuffer(content, dtype=torch.uint8)


def read_zip(file: IO[bytes], size: int) -> Content:
    """Read a zip archive that torch.save wrote.

    Raises
    ------
    CheckpointError
        If it is another archive, cut, damaged or altered, or unpacks to much more than its size.
    """
    archive, entries = directory(file, size)
    _check_is_of_torch(entries)
    with damaged_archive():
        (pickle,) = [name for name in entries if re.fullmatch(r"[^/]*/data\.pkl", name)]
        top = pickle.removesuffix("data.pkl")
        data = f"{top}data/"
        held = {name.removeprefix(data): entry.file_size for name, entry in entries.items() if name.startswith(data)}
        reading = Unpickling(held, sum(held.values()))
        tree = reading.follow(io.BytesIO(archive.read(pickle)))
        is_big = f"{top}byteorder" in entries and archive.read(f"{top}byteorder") == b"big"

    def read(storage: Storage) -> Tensor:
        with damaged_archive(), archive.open(f"{data}{storage.key}") as entry:
            content = _bytes(entry, storage.n_bytes)
            entry.read(1)  # an entry's checksum is compared at its end
        if is_big and storage.count:
            content.untyped_storage().byteswap(storage.dtype)
        return content

    return Content("a file of torch.save", tree, read, tuple(reading.left_out))


class damaged_archive:  # noqa: N801
    """Say of whatever a damaged archive raises what it means."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, _traceback: object) -> None:
        """Raise a message: struct.error, NotImplementedError, zlib.error and others come, by what is damaged."""
        if isinstance(error, Exception) and not isinstance(error, CheckpointError | OSError | MemoryError):
            raise CheckpointError(
                f"is a cut or damaged zip archive ({one_line(error)}). Get it again, and compare its SHA-256."
            ) from error


def directory(file: IO[bytes], size: int) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """Open a zip archive of bounded size, in which each name stands once.

    Raises
    ------
    CheckpointError
        If it is cut, damaged or altered, or unpacks to much more than its size.
    """
    with damaged_archive():
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
        entries = {entry.filename: entry for entry in infos}
        unpacked = sum(entry.file_size for entry in infos)
        # PyTorch's reader does not tell capitals from small letters, and does not look for a beginning elsewhere.
        once = len({name.lower() for name in entries}) == len(infos)
        begins = min(entry.header_offset for entry in infos) == 0
    if not once or not begins:
        raise CheckpointError("is a zip archive that has one name twice, or does not begin at its first byte. Get it again.")
    if unpacked > MAX_GROWTH * size + ALLOWANCE:
        raise CheckpointError(
            f"would unpack from {size:,} to {unpacked:,} bytes, so it is refused; torch.save does not compress. "
            "Save it again with torch.save, best as safetensors."
        )
    return archive, entries


def _check_is_of_torch(entries: Mapping[str, zipfile.ZipInfo]) -> None:
    tops = {name.partition("/")[2] for name in entries}
    if "constants.pkl" in tops or any(top.startswith("code/") for top in tops):
        raise CheckpointError(
            "is a TorchScript archive, which holds code. Save its state_dict() (torch.jit.load(...).state_dict())."
        )
    if "data.pkl" not in tops:
        names = shortened(sorted(entries)[:3])
        raise CheckpointError(f"is a zip archive, but not of torch.save: it holds {names}. Unpack it, and give the file within.")
