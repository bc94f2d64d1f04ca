"""GPUs of one node: which there are, and leases of one each that end with the process that holds them.

Neither CUDA nor PyTorch is asked: a process that asked could not choose any more, nor fork.
"""

import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

from filelock import BaseFileLock

from stir.errors import DeviceError
from stir.locks import take_lock

SECONDS_BETWEEN_TRIES = 0.1
SECONDS_BETWEEN_LINES = 10
# What ends the list in CUDA_VISIBLE_DEVICES; SLURM writes the second where a job has none.
NONE_FURTHER = ("-1", "NoDevFiles")
TEMPORARY = Path("/tmp")
_KEPT: list[BaseFileLock] = []


def gpus() -> tuple[str, ...]:
    """List the GPUs that a job here may take one of.

    They are those of ``STIR_GPUS``, taken as they stand, if it is set; else those of
    ``CUDA_VISIBLE_DEVICES``; else all that ``nvidia-smi`` lists, with MIG parts in place
    of a card that has them. A number means the card that ``nvidia-smi`` gives it, and is
    replaced by its UUID, so that all processes call a card by one name.
    """
    if (named := os.environ.get("STIR_GPUS")) is not None:
        return _names(named)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(uuid for parts in _cards().values() for uuid in parts)
    return tuple(dict.fromkeys(uuid for name in _names(visible) for uuid in _uuids(name, _cards())))


def _names(text: str) -> tuple[str, ...]:
    """Split a list of devices; like CUDA's, it ends at the first that is none."""
    names: dict[str, None] = {}
    for name in (word.strip() for word in text.split(",")):
        if name in NONE_FURTHER:
            break
        if name:
            names[name] = None
    return tuple(names)


def _uuids(name: str, cards: Mapping[tuple[str, str], tuple[str, ...]]) -> tuple[str, ...]:
    """Return the UUIDs that a number, a UUID or its beginning stands for; the name itself if none is known."""
    for (number, uuid), parts in cards.items():
        if name == number or (name.startswith("GPU-") and uuid.startswith(name)):
            return parts
    return (name,)


@cache
def _cards() -> dict[tuple[str, str], tuple[str, ...]]:
    """Ask ``nvidia-smi`` for the cards: (number, UUID) -> UUIDs of what can be taken of it."""
    if shutil.which("nvidia-smi") is None:
        return {}
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return {}
    return parse_cards(listed.stdout)


def parse_cards(listed: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Read what ``nvidia-smi -L`` printed: (number, UUID) -> the card's UUID, or those of its MIG parts."""
    parts: dict[tuple[str, str], list[str]] = {}
    for line in listed.splitlines():
        if found := re.match(r"GPU (\d+): .*\(UUID: (GPU-[^)]+)\)", line):
            card = (found[1], found[2])
            parts[card] = []
        elif parts and (found := re.match(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)", line)):
            parts[card].append(found[1])
    return {card: tuple(migs) or (card[1],) for card, migs in parts.items()}


def lease_folder() -> Path:
    """Make the folder of this user's leases on this node, if it is not there; return it.

    It is in /tmp whatever TMPDIR says: processes with different ones share the cards, too.

    Raises
    ------
    DeviceError
        If it is another's, or a link.
    """
    parent = TEMPORARY if os.access(TEMPORARY, os.W_OK) else Path(tempfile.gettempdir())
    folder = parent / f"stir-gpus-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise DeviceError(f"Expected {folder} to be a folder of user {os.getuid()}; it is another's, or none. Have it removed.")
    return folder


@contextmanager
def leased_gpu(devices: Sequence[str], *, what: str = "this process", folder: Path | None = None) -> Iterator[str]:
    """Hold one of the GPUs; wait while all are taken.

    Within the block ``CUDA_VISIBLE_DEVICES`` names that GPU alone, so CUDA must not have
    been initialised before. The lease is a lock of the operating system: it ends with the
    block or with the process, however that ends, and children do not inherit it. A process
    that has used CUDA keeps memory of the card, and so the lease, until it ends.

    Parameters
    ----------
    devices : sequence of str
        Names to choose from, as `gpus` returns them.
    what : str
        What the lease is for; named in what is said to stderr.
    folder : Path, optional
        Where the locks lie; `lease_folder` by default.

    Yields
    ------
    str
        The GPU's name.

    Raises
    ------
    DeviceError
        If there is none to choose from.
    """
    if not devices:
        raise DeviceError(f"Expected at least one GPU for {what}; none is named.")
    device, lock = _taken(devices, what, folder or lease_folder())
    try:
        _say(f"{what}: on GPU {device}")
        with _visible(device):
            yield device
    finally:
        if _has_used_cuda():
            _KEPT.append(lock)
        else:
            lock.release()


def _has_used_cuda() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


def _taken(devices: Sequence[str], what: str, folder: Path) -> tuple[str, BaseFileLock]:
    """Try all devices, each time in another order so that none is favoured, until one is free."""
    began = said = time.monotonic()
    while True:
        for device in random.Random().sample(devices, len(devices)):
            if lock := _lock_if_free(folder / f"{quote(device, safe='')}.lock"):
                return device, lock
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN_LINES:
            said = now
            _say(f"{what}: waiting for one of {len(devices)} GPUs, {now - began:.0f} s so far")
        time.sleep(SECONDS_BETWEEN_TRIES)


def _lock_if_free(path: Path) -> BaseFileLock | None:
    lock = take_lock(path, wait=False, mode=0o600)
    if lock is not None:
        path.touch()  # What clears old files from /tmp goes by their age.
    return lock


@contextmanager
def _visible(device: str) -> Iterator[None]:
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = device
    try:
        yield
    finally:
        if before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
