"""Any input as data is read with exactly its number of images, or refused in one line that names it."""

import io
import os
import shutil
import tarfile
import tempfile
import unicodedata
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stir.data.dataset import Split, load_split
from stir.data.files import IMAGE_SUFFIXES
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.*")

GENERATOR = np.random.default_rng(0)
N = 12
IMAGES = GENERATOR.integers(0, 256, (N, 8, 8), dtype=np.uint8)
LABELS = np.arange(N) % 2


def encoded(image: np.ndarray, form: str, **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, form, **options)
    return content.getvalue()


GOOD = [encoded(image, form) for image, form in zip(IMAGES, ["PNG", "BMP", "PPM", "TIFF"] * 3, strict=True)]
BAD = [
    *(encoded(IMAGES[0], form) for form in ("GIF", "JPEG2000", "ICO", "EPS", "PDF")),
    encoded(GENERATOR.integers(0, 256, (8, 8, 3), dtype=np.uint8), "PNG"),
    encoded(IMAGES[0].astype(np.uint16) * 256, "PNG"),
    encoded(IMAGES[0], "TIFF", save_all=True, append_images=[Image.fromarray(IMAGES[1])]),
    encoded(IMAGES[:, :, 0], "PNG"),
    b"",
    b"<!DOCTYPE html>",
    b"version https://git-lfs.github.com/spec/v1\n",
]


@st.composite
def mutated(draw: st.DrawFn, contents: list[bytes]) -> bytes:
    """Return one of the contents with changed bytes, truncated, or with a part removed or repeated."""
    content = bytearray(draw(st.sampled_from(contents)))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 1, 2, 4]))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["byte", "byte", "bit", "number", "cut", "out", "twice"])):
            case "byte":
                content[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case "bit" if content:
                content[place] ^= 1 << draw(st.integers(0, 7))
            case "number":
                content[place : place + 4] = draw(st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\0\0\0\x80", b"\x7f" * 4]))
            case "cut":
                del content[place:]
            case "out":
                del content[place : place + draw(st.integers(1, 600))]
            case _:
                content[place:place] = content[place : place + draw(st.integers(1, 600))]
    return bytes(content)


def tried(counts: Counter, surface: str, path: Path, form: str, **settings: object) -> Split | None:
    """Load it; count the outcome, and check that a refusal names the source, in a line for each bad file."""
    described = {"name": "mine", "format": form, "image_shape": [1, 8, 8], "n_classes": 2, "n_test": 1, **settings}
    message = None
    try:
        split = load_split({**described, "fingerprint": fingerprint(path)}, source=path, generator=np.random.default_rng(0))
    except DatasetError as error:
        split, message = None, str(error)
    counts[surface, "read, with as many images as there are" if split else "refused: DatasetError"] += 1
    assert message is None or all(path.name in line for line in message.splitlines())
    return split


def n_of(split: Split) -> int:
    return len(split.train_labels) + len(split.test_labels)


TOPS = ["train", "test", "one", "two", "val", ".hidden", "__MACOSX", "", unicodedata.normalize("NFD", "é"), "é", "a\nb"]
INNER = ["", "one", "two", "one/sub", "@eaDir"]
FILES = [
    "1.png",
    "2.PNG",
    "3.jpg",
    "4.tif",
    "5.webp",
    "6.ppm",
    "7.bmp",
    "5.gif",
    "6",
    "Thumbs.db",
    ".DS_Store",
    ".7.png",
    "notes.txt",
    "\udce9.png",
    "é.bmp",
]
MAKE = {
    "file": lambda path, content: path.write_bytes(content),
    "fifo": lambda path, _: os.mkfifo(path),
    "dangling": lambda path, _: path.symlink_to("nowhere"),
    "loop": lambda path, _: path.symlink_to(path.name),
    "up": lambda path, _: path.symlink_to(".."),
    "device": lambda path, _: path.symlink_to("/dev/zero"),
}
KINDS = st.sampled_from(["file"] * 20 + list(MAKE))


def plant(root: Path, entries: list[tuple[str, str, str, str, bytes]]) -> None:
    for top, inner, name, kind, content in entries:
        path = root / top / inner / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            MAKE[kind](path, content)


def n_images(root: Path) -> int:
    """Count the image files outside ignored folders, in a different way than the code."""
    paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return sum(
        path.suffix.lower() in IMAGE_SUFFIXES and not any(part[0] in ".@" or part == "__MACOSX" for part in path.parts)
        for path in paths
    )


good = st.sampled_from(GOOD)
any_content = st.one_of(good, good, good, st.sampled_from(BAD), mutated(GOOD))
entries = st.lists(
    st.tuples(st.sampled_from(TOPS), st.sampled_from(INNER), st.sampled_from(FILES), KINDS, any_content), max_size=3
)


CLASSES = (["one", "two"], ["train/one", "train/two", "test/one"])


@given(found=entries, classes=st.sampled_from(CLASSES), n_classes=st.sampled_from([2, 2, 2, 3, 4]))
def test_folders(counts, found, classes, n_classes):
    base = [(*name.partition("/")[::2], f"{number}0.png", "file", GOOD[number]) for name in classes for number in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "mine"
        plant(root, [*base, *found])
        split = tried(counts, "folders of images", root, "folder", n_classes=n_classes)
        if split is not None and "train/one" not in classes:
            assert n_of(split) == n_images(root)


def packed(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(GOOD):
            path = Path(folder) / "mine" / ("one" if LABELS[number] else "two") / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return Path(shutil.make_archive(f"{folder}/packed", kind, f"{folder}/mine")).read_bytes()


ARCHIVES = {kind: packed(kind) for kind in ("zip", "tar", "gztar", "xztar")}


@given(data=st.data(), kind=st.sampled_from(list(ARCHIVES)))
def test_archives(counts, data, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine"
        path.write_bytes(data.draw(mutated([ARCHIVES[kind]])))
        split = tried(counts, "archives of images", path, "archive")
        assert split is None or n_of(split) == N


members = st.lists(
    st.tuples(
        st.sampled_from(
            ["one/1.png", "one/2.png", "two/1.png", "two/./1.png", "../1.png", "/1.png", "one/", "1.png", "one/x.gif"]
        ),
        st.sampled_from(["file"] * 8 + ["link", "hard link", "fifo", "folder"]),
        any_content,
    ),
    max_size=3,
)
TAR_TYPES = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "folder": tarfile.DIRTYPE}
MODES = {"file": 0o100644, "link": 0o120777, "hard link": 0o100644, "fifo": 0o010644, "folder": 0o040755}


@given(found=members, kind=st.sampled_from(["zip", "tar"]))
def test_members_of_archives(counts, found, kind):
    found = [("one/10.png", "file", GOOD[0]), ("two/10.png", "file", GOOD[1]), *found]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "mine"
        with zipfile.ZipFile(path, "w") if kind == "zip" else tarfile.open(path, "w") as archive:
            for name, what, content in found:
                if kind == "zip":
                    info = zipfile.ZipInfo(name)
                    info.external_attr = MODES[what] << 16
                    archive.writestr(info, content)
                else:
                    info = tarfile.TarInfo(name)
                    info.type, info.size = TAR_TYPES.get(what, tarfile.FIFOTYPE), len(content) if what == "file" else 0
                    archive.addfile(info, io.BytesIO(content))
        split = tried(counts, "members of archives", path, "archive")
        assert split is None or n_of(split) == sum(
            (what == "file" or (kind, what) == ("zip", "hard link")) and not name.endswith("/") for name, what, _ in found
        )


def as_arrays(form: str, **arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    if form == "hdf5":
        with h5py.File(content, "w") as file:
            file.update(arrays)
    elif form == "hdf5 in chunks":
        with h5py.File(content, "w", libver="latest") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, **({"compression": "gzip", "fletcher32": True} if array.ndim else {}))
    elif form == "npz":
        np.savez(content, **arrays)
    else:
        np.savez_compressed(content, **arrays)
    return content.getvalue()


FORMS = ("npz", "npz compressed", "hdf5", "hdf5 in chunks")
ARRAYS = {"images": IMAGES, "labels": LABELS, "white_level": np.array(255), "class_names": np.array([b"one", b"two"])}
ARRAY_FILES = {form: as_arrays(form, **ARRAYS) for form in FORMS}


def loaded(counts: Counter, surface: str, content: bytes, form: str, **settings: object) -> Split | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine"
        path.write_bytes(content)
        return tried(counts, surface, path, "hdf5" if "hdf5" in form else "numpy", **settings)


@given(data=st.data(), form=st.sampled_from(FORMS))
def test_files_of_arrays(counts, data, form):
    split = loaded(counts, "files of arrays", data.draw(mutated([ARRAY_FILES[form]])), form)
    assert split is None or n_of(split) == N


@given(data=st.data(), harmed=st.sets(st.sampled_from(list(ARRAYS)), max_size=2))
def test_folders_of_arrays(counts, data, harmed):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "mine"
        root.mkdir()
        for name, array in ARRAYS.items():
            content = io.BytesIO()
            np.save(content, array)
            changed = mutated([content.getvalue()]) if name in harmed else st.just(content.getvalue())
            (root / f"{name}.npy").write_bytes(data.draw(changed))
        split = tried(counts, "folders of arrays", root, "numpy")
        assert split is None or n_of(split) == N


numbers = st.sampled_from([0, 1, -1, 0.5, 16, 255, 256, 65535, 1e-3, np.nan, np.inf])
dtypes = st.sampled_from("?bBhHiIlLqQefdgFDSUOmM")
shapes = st.one_of(st.just((N, 8, 8)), st.lists(st.sampled_from([0, 1, 2, 8, N]), max_size=5).map(tuple))


@st.composite
def array(draw: st.DrawFn) -> np.ndarray:
    shape, white, least = draw(shapes), draw(numbers), draw(numbers)
    values = np.linspace(0, 1, int(np.prod(shape))).reshape(shape) * (white if np.isfinite(white) else 1)
    if values.size:
        values.flat[0] = least
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return np.asarray(values).astype(draw(st.one_of(dtypes, st.sampled_from("Bfd"))))


@given(
    form=st.sampled_from(FORMS),
    images=st.one_of(st.sampled_from([IMAGES, IMAGES / 255, IMAGES.astype(int)]), array()),
    labels=st.one_of(st.just(LABELS), array()),
    white_level=st.one_of(st.none(), st.none(), numbers.map(np.array), array()),
    n_classes=st.sampled_from([2, 2, 1, 3, 10**9]),
)
def test_arrays(counts, form, images, labels, white_level, n_classes):
    arrays = {"images": images, "labels": labels, **({} if white_level is None else {"white_level": white_level})}
    try:
        content = as_arrays(form, **arrays)
    except (TypeError, ValueError):  # HDF5 has no such numbers
        return
    split = loaded(counts, "arrays", content, form, n_classes=n_classes)
    if split is not None:
        assert n_of(split) == len(images)
        stored = np.concatenate([split.train_images, split.test_images]).astype(float) / split.white_level
        assert stored.min() >= 0
        assert 1 / 8 <= stored.max() <= 1
