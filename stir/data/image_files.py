"""Files in a folder or an archive, by relative name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stir.data.archives import read_archive
from stir.data.files import IMAGE_SUFFIXES, composed, files_in, kind_of, read_file
from stir.errors import DatasetError
from stir.names import shown


@dataclass(frozen=True)
class ImageFiles:
    """Image files by relative name."""

    path: Path
    """The folder or the archive."""
    names: tuple[str, ...]
    """Sorted, in Unicode's composed form, with ``/`` between folders."""
    read: Callable[[str], bytes]
    """Name -> content."""
    others: tuple[str, ...] = ()
    """Names of other files: with another suffix, or hidden."""


def image_files(path: Path) -> ImageFiles:
    """Find the image files in a folder or archive; hidden files, and files that operating systems add, are ignored.

    If an archive has a single top folder, it is not part of the names.

    Raises
    ------
    DatasetError
        If there is no such folder or archive, or it cannot be read or has no images.
    """
    kind = kind_of(path)
    if kind not in ("a folder", "a file"):
        raise DatasetError(f"Expected a folder or an archive of images at {shown(path)}; there is {kind}. Put it there.")
    if kind == "a folder":
        files = _of(path, files_in(path), lambda name: read_file(path / name))
    else:
        files = _without_top(_of(path, *read_archive(path)))
    if not files.names:
        raise DatasetError(f"Expected image files ({', '.join(IMAGE_SUFFIXES)}) in {shown(path)}; there are none.")
    return files


def _of(path: Path, names: list[str], read: Callable[[str], bytes]) -> ImageFiles:
    original = composed(names, path)
    images = {name for name in original if name.lower().endswith(IMAGE_SUFFIXES) and not PurePosixPath(name).name.startswith(".")}
    return ImageFiles(
        path, tuple(sorted(images)), lambda name: read(original[name]), others=tuple(sorted(original.keys() - images))
    )


def _without_top(files: ImageFiles) -> ImageFiles:
    """Leave out the folder that contains all images of an archive."""
    tops = {name.split("/")[0] for name in files.names}
    if len(tops) != 1 or any(name.count("/") < 2 for name in files.names) or tops <= {"train", "test"}:
        return files
    top = f"{tops.pop()}/"
    names, others = (tuple(name.removeprefix(top) for name in names) for names in (files.names, files.others))
    return ImageFiles(files.path, names, lambda name: files.read(top + name), others)
