"""Special files, links and names in two forms are refused by name; files that operating systems add are ignored."""

import os
import shutil
import socket
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from stir.data import dataset_source, files
from stir.data.dataset import load_split
from stir.data.files import check_room, files_in
from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError
from stir_workflow.cli import main

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Ångström") for form in ("NFC", "NFD"))


@pytest.fixture
def folder(tmp_path, write_classes):
    write_classes(tmp_path / "mine", 4)
    return tmp_path / "mine"


def load(path, **settings):
    described = {"name": "mine", "image_shape": [1, 8, 8], "n_classes": 3, "n_test": 4, "fingerprint": "0" * 64}
    described |= {"format": "folder" if path.is_dir() else "archive", **settings}
    if "fingerprint" not in settings:
        described["fingerprint"] = fingerprint(path)
    return load_split(described, source=path, generator=np.random.default_rng(0))


def fifo(path):
    os.mkfifo(path)


def listening(path):
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


SPECIAL = {
    "a FIFO": fifo,
    "a socket": listening,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "a link that leads to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("name", ["one/9.png", "9.txt", "three"])
def test_what_is_neither_file_nor_folder_is_refused_by_name_and_not_opened(folder, kind, name):
    good = fingerprint(folder)
    SPECIAL[kind](folder / name)
    for refused in (lambda: fingerprint(folder), lambda: load(folder, fingerprint=good)):
        with pytest.raises(DatasetError, match=rf"Expected files and folders in .*mine; {name} is {kind}\. Remove it"):
            refused()


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("form", ["folder", "archive", "hdf5", "numpy"])
def test_a_source_that_is_neither_is_refused_by_what_it_is(tmp_path, kind, form):
    SPECIAL[kind](tmp_path / "mine")
    with pytest.raises(DatasetError, match=f"Expected a f.* at .*mine for dataset 'mine'.*there is {kind}"):
        load(tmp_path / "mine", format=form, fingerprint="0" * 64)
    with pytest.raises(DatasetError, match=f"Expected a file or folder at .*mine; there is {kind}"):
        fingerprint(tmp_path / "mine")


@pytest.mark.parametrize("name", ["one/loop", "loop"])
def test_a_folder_that_is_within_itself_is_refused(folder, name):
    (folder / name).symlink_to(folder)
    with pytest.raises(DatasetError, match=rf"{name} is a link to a folder that contains it"):
        fingerprint(folder)


def test_links_to_files_and_folders_are_followed(folder, tmp_path):
    expected = fingerprint(folder)
    (folder / "one").rename(tmp_path / "elsewhere")
    (folder / "one").symlink_to(tmp_path / "elsewhere")
    (folder / "two" / "0.png").rename(tmp_path / "0.png")
    (folder / "two" / "0.png").symlink_to(tmp_path / "0.png")
    assert fingerprint(folder) == expected
    assert len(load(folder).train_labels) == 8


def test_folders_without_end_are_refused(folder, monkeypatch):
    monkeypatch.setattr(files, "MOST_ENTRIES", 5)
    with pytest.raises(DatasetError, match=r"at most 5 files and folders in .*mine; there are more"):
        files_in(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_not_left_out(folder):
    (folder / "one").chmod(0)
    with pytest.raises(DatasetError, match=r"Cannot read .*one"):
        fingerprint(folder)


def test_a_folder_that_cannot_be_looked_into_is_not_left_out(folder, monkeypatch):
    scandir = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: scandir("/nowhere") if str(path).endswith("one/") or path.name == "one" else scandir(path)
    )
    with pytest.raises(DatasetError, match=r"Cannot read .*one"):
        fingerprint(folder)


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "._1.png", ".gitkeep", "@eaDir/1.png"])
def test_what_systems_put_there_counts_for_nothing(folder, name):
    expected, split = fingerprint(folder), load(folder)
    for place in (folder / name, folder / "one" / name):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"whatever")
    assert fingerprint(folder) == expected
    np.testing.assert_array_equal(load(folder).train_images, split.train_images)


def test_a_hidden_fifo_counts_for_nothing(folder):
    expected = fingerprint(folder)
    os.mkfifo(folder / ".fifo")
    assert fingerprint(folder) == expected


@pytest.mark.parametrize("kind", [None, "zip", "tar"])
def test_composed_and_decomposed_names_are_one(tmp_path, write_classes, kind):
    found = []
    for form in (COMPOSED, DECOMPOSED):
        write_classes(tmp_path / form / "mine", 4)
        (tmp_path / form / "mine" / "one").rename(tmp_path / form / "mine" / form)
        path = tmp_path / form / "mine"
        if kind is not None:
            shutil.make_archive(str(path), kind, path)
            path = path.with_suffix(f".{kind}")
        found.append((None if kind else fingerprint(path), load(path)))
    assert found[0][0] == found[1][0]
    assert found[0][1].class_names == found[1][1].class_names
    assert COMPOSED in found[0][1].class_names
    np.testing.assert_array_equal(found[0][1].train_images, found[1][1].train_images)
    np.testing.assert_array_equal(found[0][1].test_labels, found[1][1].test_labels)


@pytest.mark.parametrize("names", [(COMPOSED, DECOMPOSED), (f"{COMPOSED}/1.png", f"{DECOMPOSED}/2.png")])
def test_two_names_that_are_one_when_composed_are_refused(folder, names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    with pytest.raises(DatasetError, match=f"Expected different names in .*mine; {COMPOSED} occurs twice"):
        fingerprint(folder)


def test_a_name_with_a_line_break_is_refused_on_one_line(folder):
    (folder / "one" / "a\nb.png").touch()
    with pytest.raises(DatasetError, match=r"control characters in .*; got 'one/a\\nb\.png'") as error:
        fingerprint(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["~nosuchuser/mine", "a\0b"])
def test_a_path_that_is_none(path):
    for settings in ({"name": "cifar10", "path": path}, {"name": "mine", "format": "folder", "path": path}):
        with pytest.raises(DatasetError, match=r"Expected a path; got '.*Correct it"):
            dataset_source(settings, {})
    if "\0" not in path:
        result = CliRunner().invoke(main, ["fingerprint", path])
        assert result.exit_code == 1
        assert result.stderr.startswith("error: Expected a path; got '~nosuchuser")


@pytest.mark.parametrize("name", ["cifar10", "cifar10_jpeg", "fashion_mnist", "imagenet", "mine"])
@pytest.mark.parametrize("path", ["a" * 300, "loop"])
def test_a_path_that_leads_nowhere_is_named(tmp_path, monkeypatch, name, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    own = {"format": "folder", "image_shape": [1, 8, 8], "n_classes": 3, "fingerprint": "0" * 64} if name == "mine" else {}
    with pytest.raises(DatasetError, match=f"{path[:20]}"):
        load_split({"name": name, "n_test": 3, **own}, source=path, generator=np.random.default_rng(0))


def test_more_than_memory_is_not_asked_for():
    with pytest.raises(DatasetError, match=r"Expected all to fit into memory, \d+ bytes; got 1\d{20} bytes"):
        check_room(10**20, "all")
