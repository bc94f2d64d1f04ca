"""The fingerprint of data is that of sha256sum, and changes with the data."""

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from stir.data.fingerprints import fingerprint
from stir.errors import DatasetError
from stir_workflow.cli import main


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data" / "b").mkdir(parents=True)
    for name in ("b/2", "b/10", "a", "Z", "ä"):
        (tmp_path / "data" / name).write_text(f"content of {name}", encoding="utf-8")
    return tmp_path / "data"


def printed(command, folder):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout.split()[0]


def test_it_is_what_sha256sum_prints_for_a_file(folder):
    assert fingerprint(folder / "a") == printed("sha256sum a", folder)


def test_it_is_what_sha256sum_prints_for_the_files_of_a_folder(folder):
    assert fingerprint(folder) == printed("find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum | sha256sum", folder)


@pytest.mark.parametrize("change", ["content", "name", "more", "fewer", "place"])
def test_any_change_changes_it(folder, change):
    before = fingerprint(folder)
    if change == "content":
        (folder / "a").write_text("content of A", encoding="utf-8")
    elif change == "more":
        (folder / "c").touch()
    elif change == "fewer":
        (folder / "a").unlink()
    else:
        (folder / "a").rename(folder / ("c" if change == "name" else "b/a"))
    assert fingerprint(folder) != before


def test_where_it_lies_and_hidden_files_do_not_count(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "b" / ".DS_Store").touch()
    (tmp_path / "copy" / ".git").mkdir()
    (tmp_path / "copy" / ".git" / "config").touch()
    assert fingerprint(tmp_path / "copy") == fingerprint(folder)


def test_the_command_prints_it(folder):
    assert CliRunner().invoke(main, ["fingerprint", str(folder)]).output == f"{fingerprint(folder)}\n"


def test_what_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match=r"Expected a file or folder at .*absent; there is none"):
        fingerprint(tmp_path / "absent")
    result = CliRunner().invoke(main, ["fingerprint", str(tmp_path / "absent")])
    assert (result.exit_code, result.stderr[:7]) == (1, "error: ")
