"""Files in a folder or an archive, by relative name; archives are read without unpacking them to the disk."""

import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stir.data.fingerprints import files_in
from stir.errors import DatasetError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class ImageFiles:
    """Image files by relative name."""

    path: Path
    """The folder or the archive."""
    names: tuple[str, ...]
    """Sorted, with ``/`` between folders."""
    read: Callable[[str], bytes]
    """Name -> content."""


def image_files(path: Path) -> ImageFiles:
    """Find the image files in a folder or archive; hidden ones do not count.

    An archive's only top folder, if it has one, is no part of the names.

    Raises
    ------
    DatasetError
        If there is no such folder or archive, it cannot be read, or has no images.
    """
    if path.is_dir():
        files = _in_folder(path)
    elif path.is_file():
        files = _in_archive(path)
    else:
        raise DatasetError(f"Expected a folder or an archive of images at {path}; there is none. Put it there.")
    if not files.names:
        raise DatasetError(f"Expected image files ({', '.join(IMAGE_SUFFIXES)}) in {path}; there are none.")
    return files


def _is_image(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not hidden and name.lower().endswith(IMAGE_SUFFIXES)


def _in_folder(path: Path) -> ImageFiles:
    names = sorted(filter(_is_image, files_in(path)))
    return ImageFiles(path, tuple(names), lambda name: (path / name).read_bytes())


def _in_archive(path: Path) -> ImageFiles:
    try:
        if zipfile.is_zipfile(path):
            return _in_zip(path)
        return _in_tar(path)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise DatasetError(
            f"Expected an archive (zip, tar, tar.gz, tar.xz) at {path}; it cannot be read as one: {error}. "
            "It is cut, or something else; get it anew."
        ) from error


def _in_zip(path: Path) -> ImageFiles:
    archive = zipfile.ZipFile(path)
    return ImageFiles(path, *_without_top(archive.namelist(), archive.read))


def _in_tar(path: Path) -> ImageFiles:
    """Read all files at once: a compressed archive cannot be read at places."""
    contents = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and _is_image(name := PurePosixPath(member.name).as_posix()):
                contents[name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    return ImageFiles(path, *_without_top(list(contents), contents.__getitem__))


def _without_top(names: list[str], read: Callable[[str], bytes]) -> tuple[tuple[str, ...], Callable[[str], bytes]]:
    """Leave out the folder in which all of an archive lies."""
    names = sorted(filter(_is_image, names))
    tops = {name.split("/")[0] for name in names}
    if len(tops) != 1 or any(name.count("/") < 2 for name in names) or tops <= {"train", "test"}:
        return tuple(names), read
    top = f"{tops.pop()}/"
    return tuple(name.removeprefix(top) for name in names), lambda name: read(top + name)
