"""What the system says of a disk becomes a message that says what to do."""

import errno
import os

import pytest

from stir.errors import StirError, StorageError
from stir_workflow.store.storage import check_writable, storing


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Free some space"), (errno.EDQUOT, "quota"), (errno.EROFS, "Mount it"), (errno.EACCES, "Make it yours")],
)
def test_a_refusal_names_place_reason_and_remedy(tmp_path, number, remedy):
    path = tmp_path / "not" / "there" / "x.h5"
    with pytest.raises(StorageError) as caught, storing(path):
        raise OSError(number, "h5py's own words")
    assert str(caught.value).startswith(f"Cannot write {path}: {os.strerror(number)}")
    assert remedy in str(caught.value)
    assert "finished work is kept" in str(caught.value)
    assert isinstance(caught.value, StirError)


def test_free_space_is_said_where_it_matters(tmp_path):
    with pytest.raises(StorageError, match=r"\(\d+\.\d MB are free\)"), storing(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "")
    with pytest.raises(StorageError) as caught, storing(tmp_path / "x"):
        raise OSError(errno.EROFS, "")
    assert "free)" not in str(caught.value)


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), storing(tmp_path / "x"):
        (tmp_path / "absent").read_text()
    with pytest.raises(ValueError, match="other"), storing(tmp_path / "x"):
        raise ValueError("other")


def test_a_message_is_not_wrapped_in_another(tmp_path):
    with (
        pytest.raises(StorageError, match=r"^Cannot write \S*/inner: "),
        storing(tmp_path / "outer"),
        storing(tmp_path / "inner"),
    ):
        raise OSError(errno.ENOSPC, "")


def test_folders_that_can_be_made_or_written_to_pass(tmp_path):
    check_writable([tmp_path, tmp_path / "a" / "b"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "theirs")
    (tmp_path / "theirs").mkdir()
    check_writable([tmp_path])
    with pytest.raises(StorageError, match="theirs/results: Permission denied"):
        check_writable([tmp_path, tmp_path / "theirs" / "results"])
