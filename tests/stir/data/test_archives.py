"""Archives that are damaged, hostile or unusual are read completely, or refused with a message that names the problem."""

import bz2
import gzip
import io
import lzma
import shutil
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np
import pytest

from stir.data.archives import read_archive
from stir.data.dataset import load_split
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError

KINDS = {"zip": "zip", "tar": "tar", "tar.gz": "gztar", "tar.bz2": "bztar", "tar.xz": "xztar"}
N = 40
MEGABYTE = 10**6


@pytest.fixture
def folder(tmp_path, write_classes):
    write_classes(tmp_path / "mine", N // 2, classes=(0, 1))
    return tmp_path / "mine"


@pytest.fixture
def archive(folder):
    """Return a function that makes an archive of a kind with forty images of two classes."""
    return lambda kind: shutil.make_archive(str(folder), KINDS[kind], folder) and folder.with_name(f"mine.{kind}")


def load(path, n_classes=2):
    described = {"name": "mine", "format": "archive", "image_shape": [1, 8, 8], "n_classes": n_classes, "n_test": 10}
    described["fingerprint"] = fingerprint(path)
    return load_split(described, source=path, generator=np.random.default_rng(0))


def refused(path, match):
    with pytest.raises(DatasetError, match=match) as error:
        load(path)
    assert path.name in str(error.value)
    assert "\n" not in str(error.value)


@contextmanager
def in_little_memory(most=50 * MEGABYTE):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def add_to_tar(path, name, content=b"x", **changes):
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in changes.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(content))


def add_to_zip(path, name, content=b"x", change=lambda info: None):
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        info = zipfile.ZipInfo(name)
        change(info)
        archive.writestr(info, content)


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_gives_all_images(archive, kind):
    split = load(archive(kind))
    assert len(split.train_labels) + len(split.test_labels) == N
    assert split.found == f"{N} images (nought {N // 2}, one {N // 2})"


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz"])
@pytest.mark.parametrize("place", [0, 110, 130, 150, 156, 257])
def test_one_flipped_bit_in_the_header_of_a_tar_is_no_shorter_archive(archive, kind, place):
    path = archive("tar")
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as whole:
        content[whole.getmembers()[25].offset + place] ^= 1
    packed = {"tar": bytes, "tar.gz": gzip.compress, "tar.xz": lzma.compress}[kind](bytes(content))
    path.with_name(f"mine.{kind}").write_bytes(packed)
    refused(path.with_name(f"mine.{kind}"), "cannot be read as one: a header is damaged or missing")


@pytest.mark.parametrize("left", ["no end", "half an end", "half a member", "a second archive"])
def test_a_tar_ends_where_it_says(archive, left):
    path = archive("tar")
    with tarfile.open(path) as whole:
        end = whole.getmembers()[-1].offset_data + 512
    content = path.read_bytes()
    path.write_bytes(
        {
            "no end": content[:end],
            "half an end": content[: end + 100],
            "half a member": content[: end - 100],
            "a second archive": content + content,
        }[left]
    )
    refused(path, "cannot be read as one: (a header is damaged or missing|unexpected end|there is more after its end)")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_that_is_there_twice_does_not_count_twice(archive, kind):
    for name in ("one/1.png", "./one/1.png", "one//1.png"):
        path = archive(kind)
        (add_to_zip if kind == "zip" else add_to_tar)(path, name, (path.parent / "mine/one/1.png").read_bytes())
        refused(path, r"Expected files and folders in .*, each once; one/1\.png is there twice")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../one/x.png", "/one/x.png", "one/../x.png"])
def test_a_member_that_leads_out_is_refused(archive, kind, name):
    path = archive(kind)
    (add_to_zip if kind == "zip" else add_to_tar)(path, name)
    refused(path, rf"{name.replace('.', '[.]')} leads out of it")


@pytest.mark.parametrize("kind", ["SYMTYPE", "LNKTYPE", "FIFOTYPE", "CHRTYPE"])
def test_links_and_devices_in_a_tar_are_not_left_out_silently(archive, kind):
    path = archive("tar")
    add_to_tar(path, "one/x.png", b"", type=getattr(tarfile, kind), linkname="one/1.png")
    refused(path, "one/x.png is (a link|neither)")


def test_a_link_in_a_zip_is_refused(archive):
    path = archive("zip")
    add_to_zip(path, "one/x.png", b"1.png", lambda info: setattr(info, "external_attr", 0o120777 << 16))
    refused(path, "one/x.png is a link")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_cannot_be_bounded_is_refused(archive, method):
    path = archive("zip")
    add_to_zip(path, "one/x.png", b"x", lambda info: setattr(info, "compress_type", method))
    refused(path, "one/x.png is neither stored nor deflated")


def with_central(path, offset, value):
    """Change two bytes of the last member's entry at the end of a zip."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + offset
    content[place : place + 2] = struct.pack("<H", value)
    path.write_bytes(content)


@pytest.mark.parametrize(("offset", "value", "problem"), [(8, 1, "is encrypted"), (10, 97, "is neither stored nor deflated")])
def test_an_encrypted_member_or_one_of_an_unknown_compression_is_refused(archive, offset, value, problem):
    path = archive("zip")
    with_central(path, offset, value)
    refused(path, rf"each once; \w+/\d+\.png {problem}")


def test_a_zip_whose_list_lost_a_member_is_refused(archive):
    path = archive("zip")
    content = path.read_bytes()
    before, last, end = (content.rindex(mark) for mark in (b"PK\x01\x02", b"PK\x01\x02", b"PK\x05\x06"))
    record = bytearray(content[end:])
    record[12:16] = struct.pack("<I", struct.unpack("<I", record[12:16])[0] - (end - last))
    path.write_bytes(content[:before] + record)
    refused(path, f"Expected {N + 2} members in .*, according to its end record; got {N + 1}")


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_that_ends_with_a_zip_is_no_zip(archive, kind):
    path, inner = archive("tar"), archive("zip").read_bytes()
    add_to_tar(path, "one/inner.zip", inner)
    if kind == "tar.gz":
        path.with_name("mine.tar.gz").write_bytes(gzip.compress(path.read_bytes()))
    refused(path.with_name(f"mine.{kind}"), "Expected only images .* in folders of classes; one/inner.zip .* is not an image")


def zeros(kind, n, name="one/x.png"):
    """Return a compressed tar with one member of n zeros, without keeping it in memory."""
    info = tarfile.TarInfo(name)
    info.size = n
    compressor = {"tar.gz": zlib.compressobj(9, wbits=31), "tar.bz2": bz2.BZ2Compressor(9)}[kind]
    pieces = [compressor.compress(info.tobuf())]
    pieces += [compressor.compress(bytes(MEGABYTE)) for _ in range(n // MEGABYTE)]
    return b"".join([*pieces, compressor.compress(bytes(n % MEGABYTE + 10240)), compressor.flush()])


@pytest.mark.parametrize(
    ("kind", "name"), [("tar.gz", "one/x.png"), ("tar.gz", "README"), ("tar.gz", ".hidden"), ("tar.bz2", "one/x.png")]
)
def test_zeros_without_number_do_not_fill_memory(tmp_path, kind, name):
    path = tmp_path / f"mine.{kind}"
    path.write_bytes(zeros(kind, 100 * MEGABYTE, name))
    with in_little_memory():
        refused(path, r"Expected the content of .* to have at most \d+ bytes, 200 times as many as the file; got 1000\d+")


def test_zeros_after_the_end_of_a_tar_have_an_end(tmp_path):
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(gzip.compress(bytes(100 * MEGABYTE), 1))
    with in_little_memory():
        refused(path, "200 times as many as the file")


def test_a_member_of_a_zip_that_is_larger_than_an_image_is_not_unpacked(archive):
    path = archive("zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as opened, opened.open("one/x.png", "w") as stream:
        for _ in range(300):
            stream.write(bytes(MEGABYTE))
    with in_little_memory():
        refused(path, r"at most \d+ bytes; one/x\.png in .* has 300000000")


@pytest.mark.parametrize("said", [10, 0])
def test_a_member_of_a_zip_that_holds_more_than_it_says_is_not_unpacked(archive, said):
    path = archive("zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("one/x.png", bytes(60 * MEGABYTE))
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = content.rindex(mark) + offset
        content[place : place + 4] = struct.pack("<I", said)
    path.write_bytes(content)
    with in_little_memory():
        refused(path, "one/x.png in .* cannot be decoded")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_SPARSE])
def test_a_header_of_a_tar_that_promises_much_is_refused(archive, kind):
    path = archive("tar")
    add_to_tar(path, "one/x.png", b"1" * 10**6, type=kind)
    refused(path, "cannot be read as one: a (header promises 1000000 bytes|file has holes)")


@pytest.mark.parametrize("size", [-(10**6), 10**13])
def test_a_size_in_an_extended_header_is_bounded(archive, size):
    path = archive("tar")
    add_to_tar(path, "one/x.png", b"x", pax_headers={"size": str(size)})
    refused(path, "promises -1000000 bytes|cannot be read as one|200 times as many|fit into memory")


@pytest.mark.parametrize("kind", ["gnu", "pax"])
def test_long_names_are_read(folder, kind):
    name = "one/" + "long" * 50 + ".png"
    (folder / "one" / "1.png").rename(folder / name)
    path = folder.with_name("mine.tar")
    with tarfile.open(path, "w", format={"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}[kind]) as opened:
        opened.add(folder, ".")
    assert len(load(path).train_labels) == N - 10
    assert name in read_archive(path)[0]
