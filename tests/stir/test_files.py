"""Only new files are written, and only regular files of bounded size are read."""

import os
import socket
from pathlib import Path

import pytest

from stir.files import create, is_temporary, open_file, read_bounded, temporary_beside


def in_place_of(path, what):
    """Create a path that is not a regular file."""
    if what == "FIFO":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif what == "folder":
        path.mkdir()
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path)


SPECIAL = ("FIFO", "socket", "folder", "device", "looping link")


@pytest.mark.parametrize("what", SPECIAL)
def test_what_is_no_regular_file_is_not_read(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x"
    in_place_of(path.relative_to(tmp_path) if what == "socket" else path, what)
    with pytest.raises(OSError, match="levels of symbolic links" if what == "looping link" else "not a regular file"):
        read_bounded(path, 100)


def test_a_larger_file_is_not_read_further(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bounded(tmp_path / "x", 5) == b"12345"
    with pytest.raises(OSError, match="larger than the allowed 4 bytes"):
        read_bounded(tmp_path / "x", 4)


def test_a_link_is_followed_only_if_asked(tmp_path):
    (tmp_path / "x").write_bytes(b"1")
    (tmp_path / "link").symlink_to("x")
    with open_file(tmp_path / "link") as file:
        assert file.read() == b"1"
    with pytest.raises(OSError):
        open_file(tmp_path / "link", follow_links=False)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_planted_link_is_not_written_through(tmp_path, link):
    (tmp_path / "mine").write_bytes(b"mine")
    link(tmp_path / "mine", tmp_path / "new")
    with create(tmp_path / "new") as file:
        file.write(b"new")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / "new").read_bytes() == b"new"


def test_temporary_files_are_known_by_a_digest_of_their_names(tmp_path):
    with temporary_beside(tmp_path / "x-0123456789.h5") as first, temporary_beside(tmp_path / "x-0123456789.h5") as second:
        assert first != second
        assert first.suffix == ".h5"
        assert is_temporary(first.name)
        assert not is_temporary(first.name.replace("x-", "y-"))
        assert not is_temporary(first.name.replace(".h5", ".csv"))
    assert not first.exists()
    assert not is_temporary(".x-0123456789.h5.12-0a1b2c3d.tmp")
    assert not is_temporary(".notes.tmp")


def test_a_link_at_the_very_name_of_a_temporary_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda _: "0" * 16)
    with temporary_beside(tmp_path / "x.h5") as temporary:
        name = temporary.name
    (tmp_path / "mine").write_text("mine")
    (tmp_path / name).symlink_to("mine")
    with pytest.raises(FileExistsError), temporary_beside(tmp_path / "x.h5"):
        pytest.fail("it was opened")
    assert (tmp_path / "mine").read_text() == "mine"


def test_another_program_that_creates_the_file_meanwhile_is_not_written_over(tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "new").symlink_to("mine")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(FileExistsError):
        create(tmp_path / "new")
    assert (tmp_path / "mine").read_text() == "mine"
