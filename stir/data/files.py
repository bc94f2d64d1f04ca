"""Untrusted files and folders: their kind is checked before they are opened, and their size before they are read."""

import errno
import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stir.errors import DatasetError
from stir.names import shortened, shown

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
HARMLESS = frozenset(
    {"desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db", "$recycle.bin", "@eadir", "__macosx", "lost+found"}
    | {"system volume information"}
)
"""Files and folders that operating systems add to folders, compared without case. Hidden ones are treated in the same way."""
MOST_ENTRIES = 10**7
MOST_IMAGE_BYTES = 2**28
UNPACKED_AT_LEAST = 2**26
MOST_UNPACKED = 200
"""Maximum ratio of the size of the content to the size of the file; for deflated zeros it is 1,000."""

_KINDS = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


def kind_of(path: str | Path) -> str:
    """Return the kind of a path, such as ``"a file"``, ``"a folder"`` or ``"nothing"``, without opening it.

    Raises
    ------
    DatasetError
        If it cannot be determined.
    """
    try:
        return _KINDS.get(stat.S_IFMT(Path(path).stat().st_mode), "a device")
    except (FileNotFoundError, NotADirectoryError):
        return "a link that leads nowhere" if Path(path).is_symlink() else "nothing"
    except ValueError:  # NUL in it
        return "nothing"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads to itself"
        raise DatasetError(f"Cannot look at {shown(path)}: {error.strerror}. Make it readable, or correct the path.") from error


@contextmanager
def broken_files_refused(message: Callable[[str], str]) -> Iterator[None]:
    """Refuse a file that cannot be read: what a reader raises for a broken one is anyone's guess.

    Parameters
    ----------
    message : function of str
        Returns the message of the refusal, given what the reader says.

    Raises
    ------
    DatasetError
        In place of every other error.
    """
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(message(shown(str(error) or type(error).__name__))) from error


def check_file(path: Path, what: str = "a file") -> None:
    """Refuse a path that is not a file, without opening it: reading a FIFO or device could block forever.

    Raises
    ------
    DatasetError
        Naming the path and its kind.
    """
    if (came := kind_of(path)) != "a file":
        raise DatasetError(f"Expected {what} at {shown(path)}; there is {came}. Put it there, or correct the path.")


def read_file(path: Path) -> bytes:
    """Return the content of an image file.

    Raises
    ------
    DatasetError
        If it is not a file, is too large for an image, or cannot be read.
    """
    try:
        # Do not block if the file was replaced by a FIFO since it was found.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise DatasetError(f"Expected a file at {shown(path)}; there is {kind_of(path)}. Remove it.")
            check_image_bytes(status.st_size, shown(path))
            return file.read(status.st_size)
    except OSError as error:
        raise DatasetError(f"Cannot read {shown(path)}: {error.strerror}. Make it readable, or remove it.") from error


def check_image_bytes(n_bytes: int, what: str) -> None:
    """Refuse files that are too large for one image.

    Raises
    ------
    DatasetError
        Naming the file.
    """
    if not 0 <= n_bytes <= MOST_IMAGE_BYTES:
        raise DatasetError(f"Expected an image file of at most {MOST_IMAGE_BYTES} bytes; {what} has {n_bytes}. Remove it.")


def check_room(n_bytes: int, what: str, *, packed: int | None = None) -> None:
    """Refuse sizes above this machine's memory, or implausibly large for a compressed file of ``packed`` bytes.

    Raises
    ------
    DatasetError
        Naming the size and the limit.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if n_bytes > memory:
        raise DatasetError(
            f"Expected {what} to fit into memory, {memory} bytes; got {shortened(n_bytes)} bytes. Take fewer or smaller images."
        )
    if packed is not None and n_bytes > (most := max(UNPACKED_AT_LEAST, MOST_UNPACKED * packed)):
        raise DatasetError(
            f"Expected {what} to have at most {most} bytes, {MOST_UNPACKED} times as many as the file; got {n_bytes} bytes. "
            "The file is probably malicious; if it is not, unpack it or save it uncompressed."
        )


def is_harmless(part: str) -> bool:
    """Return whether a file or folder is hidden or made by an operating system; hidden images are not harmless."""
    hidden = part.startswith("._") or (part.startswith(".") and not part.lower().endswith(IMAGE_SUFFIXES))
    return hidden or part.casefold() in HARMLESS


def files_in(folder: Path) -> list[str]:
    """Return the relative names of all files in a folder, with ``/`` between folders; harmless ones are ignored.

    Raises
    ------
    DatasetError
        Naming a path that is neither a file nor a folder, a folder that contains itself, or an unreadable folder.
    """
    found: list[str] = []
    waiting: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    n_entries = 0
    while waiting:
        prefix, above = waiting.pop()
        above = (*above, _identity(folder / prefix, above))
        for name, kind in _entries(folder / prefix):
            n_entries += 1
            if kind == "a folder":
                waiting.append((f"{prefix}{name}/", above))
            elif kind == "a file":
                found.append(prefix + name)
            else:
                raise DatasetError(f"Expected files and folders in {shown(folder)}; {shown(prefix + name)} is {kind}. Remove it.")
        if n_entries > MOST_ENTRIES:
            raise DatasetError(f"Expected at most {MOST_ENTRIES} files and folders in {shown(folder)}; there are more.")
    return found


def _identity(folder: Path, above: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    status = folder.stat()
    if (identity := (status.st_dev, status.st_ino)) in above:
        raise DatasetError(f"Expected folders without cycles; {shown(folder)} is a link to a folder that contains it. Remove it.")
    return identity


def _entries(folder: Path) -> list[tuple[str, str]]:
    """Return name and kind of the entries of a folder, without harmless ones."""
    try:
        with os.scandir(folder) as entries:
            return [(entry.name, _kind_of_entry(entry)) for entry in entries if not is_harmless(entry.name)]
    except OSError as error:
        raise DatasetError(f"Cannot read {shown(folder)}: {error.strerror}. Make it readable, or remove it.") from error


def _kind_of_entry(entry: os.DirEntry[str]) -> str:
    """Return the result of `kind_of`, without another system call for most entries."""
    if entry.is_symlink():
        return kind_of(entry.path)
    return "a file" if entry.is_file() else "a folder" if entry.is_dir() else kind_of(entry.path)


def composed(names: Iterable[str], where: Path) -> dict[str, str]:
    """Return name in Unicode's composed form (NFC) -> original name, since systems write names in different forms.

    Raises
    ------
    DatasetError
        If two names are equal in that form, or one has control characters.
    """
    names = list(names)
    folders = {folder for parent in {name.rpartition("/")[0] for name in names} for folder in _with_parents(parent)}
    _composed(folders, where)
    return _composed(names, where)


def _with_parents(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _composed(names: Iterable[str], where: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", name)
        if any(unicodedata.category(letter) == "Cc" for letter in key if not letter.isprintable()):
            raise DatasetError(f"Expected names without control characters in {shown(where)}; got {shortened(key)}. Rename it.")
        if key in found:
            raise DatasetError(
                f"Expected different names in {shown(where)}; {shown(key)} occurs twice, perhaps once with composed and once "
                "with decomposed letters (NFC and NFD). Remove one."
            )
        found[key] = name
    return found
