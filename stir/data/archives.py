"""Archives of images, read without unpacking them to the disk; unsafe or damaged members are refused by name."""

import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, cast

from stir.data.files import broken_files_refused, check_image_bytes, check_room, is_harmless
from stir.errors import DatasetError
from stir.names import shown

MOST_HEADER_BYTES = 2**15
"""Maximum size of the extended header of a tar member: a long name, extended attributes."""
CHUNK = 2**20
TAR_MAGICS = {b"ustar": 257, b"\x1f\x8b": 0, b"BZh": 0, b"\xfd7zXZ": 0}
END_OF_ZIP = b"PK\x05\x06"

Contents = tuple[list[str], Callable[[str], bytes]]
"""Names, and name -> content."""


def read_archive(path: Path) -> Contents:
    """Return the names of the files in a zip or tar, compressed or not, and a function that reads them.

    Raises
    ------
    DatasetError
        If it is damaged, or contains anything other than files and folders, or a repeated name.
    """
    with broken_files_refused(
        lambda reason: (
            f"Expected an archive (zip, tar, tar.gz, tar.xz) at {shown(path)}; it cannot be read as one: {reason}. "
            "It is truncated or not an archive; get it again."
        )
    ):
        return _read_tar(path) if _begins_as_tar(path) or not zipfile.is_zipfile(path) else _read_zip(path)


def _begins_as_tar(path: Path) -> bool:
    """Return whether it begins like a tar: a tar that ends with a zip would be taken for that zip."""
    with path.open("rb") as file:
        start = file.read(512)
    return any(start[place:].startswith(magic) for magic, place in TAR_MAGICS.items())


def _refusal(path: Path, name: str, problem: str) -> DatasetError:
    return DatasetError(
        f"Expected files and folders in {shown(path)}, each once; {shown(name)} {problem}. Pack it again without."
    )


def _checked_name(name: str, path: Path) -> str:
    """Return a member's name without ``./``."""
    if name.startswith("/") or ".." in name.split("/"):
        raise _refusal(path, name, "leads out of it")
    return PurePosixPath(name).as_posix()


def _harmless(name: str) -> bool:
    return any(map(is_harmless, name.split("/")))


def checked_members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return name -> member of all files in a zip that are not harmless.

    Raises
    ------
    DatasetError
        If one is there twice, encrypted, a link, or compressed in a way whose result cannot be bounded.
    """
    _check_number(archive, path)
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = _checked_name(info.filename, path)
        if info.is_dir() or _harmless(name):
            archive.open(info).close()  # compare the two names of a member: a damaged one can look harmless
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _refusal(path, name, "is a link" if kind == stat.S_IFLNK else "is neither")
        if name in members:
            raise _refusal(path, name, "is there twice")
        if info.flag_bits & 1:
            raise _refusal(path, name, "is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refusal(path, name, "is neither stored nor deflated")
        members[name] = info
    return members


def _check_number(archive: zipfile.ZipFile, path: Path) -> None:
    """Compare the number of members with the one at the end of the zip: a damaged list may seem to be shorter."""
    file = cast(IO[bytes], archive.fp)
    file.seek(max(0, path.stat().st_size - 2**16 - 22))
    end = file.read()
    promised = int.from_bytes(end[(place := end.rindex(END_OF_ZIP)) + 10 : place + 12], "little")
    if promised not in ((came := len(archive.infolist())) % 2**16, 2**16 - 1):
        raise DatasetError(
            f"Expected {promised} members in {shown(path)}, according to its end record; got {came}. It is damaged; get it again."
        )


def _read_zip(path: Path) -> Contents:
    archive = zipfile.ZipFile(path)
    members = checked_members(archive, path)

    def read(name: str) -> bytes:
        check_image_bytes(size := members[name].file_size, f"{shown(name)} in {shown(path)}")
        with archive.open(members[name]) as stream:
            content = stream.read(size)  # no more: a member can contain more than its header says
        if len(content) != size:
            raise EOFError(f"it has {len(content)} bytes instead of {size}")
        return content

    return list(members), read


class _Member(tarfile.TarInfo):
    """Treat a header that is damaged, absent or too long as an error, where `tarfile` treats it as the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> "_Member":
        try:
            member = super().frombuf(buf, encoding, errors)  # type: ignore[arg-type]
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is damaged or missing ({error})") from error
        if member.size < 0 or (member.type not in (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE) and member.size > MOST_HEADER_BYTES):
            raise tarfile.ReadError(f"a header promises {member.size} bytes")
        return member

    def _proc_sparse(self, *_: object) -> "_Member":
        raise tarfile.ReadError("a file has holes (sparse), which are of any size")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_sparse


def _read_tar(path: Path) -> Contents:
    """Read all files at once, since a compressed archive has no random access."""
    contents: dict[str, bytes] = {}
    packed = path.stat().st_size
    with tarfile.open(path, tarinfo=_Member) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined] # would keep a kilobyte per member
            name = _checked_name(member.name, path)
            if member.size < 0:  # by its extended header
                raise _refusal(path, name, f"promises {member.size} bytes")
            check_room(max(archive.offset, member.size), f"the content of {shown(path)}", packed=packed)
            if member.isdir() or _harmless(name):
                continue
            if not member.isfile():
                raise _refusal(path, name, "is a link" if member.issym() or member.islnk() else "is neither")
            if name in contents:
                raise _refusal(path, name, "is there twice")
            check_image_bytes(member.size, f"{shown(name)} in {shown(path)}")
            contents[name] = cast(IO[bytes], archive.extractfile(member)).read()
            if len(contents[name]) != member.size:
                raise EOFError(f"{shown(name)} has {len(contents[name])} bytes instead of {member.size}")
        _check_end(cast(IO[bytes], archive.fileobj), packed, path)
    return list(contents), contents.__getitem__


def _check_end(stream: IO[bytes], packed: int, path: Path) -> None:
    """Refuse data after the end mark of a tar, and read to the end of the file, where its checksum is."""
    while chunk := stream.read(CHUNK):
        check_room(stream.tell(), f"the content of {shown(path)}", packed=packed)
        if chunk.strip(b"\0"):
            raise tarfile.ReadError("there is more after its end: a damaged header, or a second archive")
