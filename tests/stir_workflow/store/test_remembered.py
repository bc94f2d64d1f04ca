"""A fingerprint is computed once, and again when a file has changed; what is remembered is never believed blindly."""

import json
import os

import pytest

from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError
from stir_workflow.store import remembered
from stir_workflow.store.remembered import FOLDER, remembered_fingerprint


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images" / "cat").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "images" / "cat" / f"{number}.png").write_bytes(bytes([number]) * 10)
    return tmp_path / "images"


@pytest.fixture
def computed(monkeypatch):
    """The paths whose fingerprints were computed."""
    paths = []
    monkeypatch.setattr(remembered, "fingerprint", lambda path: paths.append(path) or fingerprint(path))
    return paths


def test_it_is_computed_once_and_said_so(images, computed, capsys):
    assert remembered_fingerprint(images) == remembered_fingerprint(images) == fingerprint(images)
    assert len(computed) == 1
    assert capsys.readouterr().err.count("[stir] fingerprint of") == 1


@pytest.mark.parametrize("how", ["content", "content of the same size and time", "name", "another file", "a file less"])
def test_a_change_is_found(images, computed, how):
    before, file = remembered_fingerprint(images), images / "cat" / "1.png"
    status = file.stat()
    if how.startswith("content"):
        file.write_bytes(b"x" * 10)
        if "time" in how:
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif how == "name":
        file.rename(images / "cat" / "4.png")
    elif how == "another file":
        (images / "cat" / "5.png").write_bytes(b"5")
    else:
        file.unlink()
    assert remembered_fingerprint(images) == fingerprint(images) != before
    assert len(computed) == 2


def test_a_touched_file_is_read_again_and_the_fingerprint_stays(images, computed):
    before = remembered_fingerprint(images)
    os.utime(images / "cat" / "1.png")
    assert remembered_fingerprint(images) == before
    assert len(computed) == 2


BAD = [b"", b"{", b"[]", b'{"seen": 1}', b"[" * 900, b"\xff", "null"]


@pytest.mark.parametrize("content", [*BAD, "another", "short", "long"])
def test_what_is_remembered_wrongly_is_computed_again(images, computed, content):
    remembered_fingerprint(images)
    (note,) = FOLDER.iterdir()
    seen = json.loads(note.read_text())["seen"]
    bad = {"another": {"seen": "0" * 64, "fingerprint": "0" * 64}, "short": {"seen": seen, "fingerprint": "../x"}}
    bad |= {"long": {"seen": seen, "fingerprint": "0" * 64, "more": "x" * 2000}, "null": {"seen": seen, "fingerprint": None}}
    note.write_bytes(json.dumps(bad[content]).encode() if isinstance(content, str) else content)
    assert remembered_fingerprint(images) == fingerprint(images)
    assert len(computed) == 2


def test_a_link_in_place_of_a_note_is_replaced_and_not_followed(images, computed, tmp_path):
    remembered_fingerprint(images)
    (note,) = FOLDER.iterdir()
    (tmp_path / "elsewhere").write_text(note.read_text())
    note.unlink()
    note.symlink_to(tmp_path / "elsewhere")
    remembered_fingerprint(images)
    assert len(computed) == 2
    assert note.is_file()
    assert not note.is_symlink()


def test_what_is_not_there_is_refused(images):
    with pytest.raises(DatasetError, match="absent"):
        remembered_fingerprint(images / "absent")


def test_nothing_is_written_through_a_link_out_of_data(images, tmp_path, computed):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert remembered_fingerprint(images) == remembered_fingerprint(images) == fingerprint(images)
    assert len(computed) == 2
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("obstacle", ["a folder for the file", "a file for the folder", "a file for data"])
def test_what_lies_in_its_place_is_left_there_and_the_fingerprint_is_computed_each_time(images, tmp_path, computed, obstacle):
    place = {"a file for the folder": tmp_path / FOLDER, "a file for data": tmp_path / "data"}.get(obstacle)
    if place is None:
        remembered_fingerprint(images)
        (note,) = (tmp_path / FOLDER).iterdir()
        note.unlink()
        note.mkdir()
    else:
        place.parent.mkdir(exist_ok=True)
        place.write_text("mine")
    assert remembered_fingerprint(images) == remembered_fingerprint(images) == fingerprint(images)
    assert place is None or place.read_text() == "mine"
