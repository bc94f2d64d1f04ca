"""A stamp is worth something only while the files it stands for are the ones it was made with."""

import json

import pytest

from stir.artifacts import seal_path
from stir.errors import ArtifactError
from stir.identity import Recipe
from stir.publication import published, stamp

RECIPE = Recipe("table", 1, {"experiment": "tiny"})


@pytest.fixture
def tables(tmp_path):
    files = [tmp_path / "tiny.csv", tmp_path / "tiny-models.csv"]
    for file in files:
        file.write_text(f"{file.name}\n1\n")
    return files


@pytest.fixture
def stamped(tmp_path, tables):
    path = tmp_path / f"tiny-{RECIPE.key}.stamp"
    stamp(path, RECIPE, tables)
    return path


def test_published_gives_the_files_by_name(stamped, tables):
    assert published(stamped) == {file.name: file for file in tables}


def test_a_stamp_is_sealed_and_the_same_whatever_the_order(stamped, tables):
    first = stamped.read_bytes()
    assert seal_path(stamped).is_file()
    stamp(stamped, RECIPE, reversed(tables))
    assert stamped.read_bytes() == first


def test_an_altered_file_is_found(stamped, tables):
    tables[0].write_text("tiny.csv\n2\n")
    with pytest.raises(ArtifactError, match=r"tiny\.csv is not the one"):
        published(stamped)


def test_a_missing_file_is_found(stamped, tables):
    tables[1].unlink()
    with pytest.raises(ArtifactError, match=r"tiny-models\.csv is not the one"):
        published(stamped)


def test_files_in_each_others_place_are_found(stamped, tables):
    first, second = (file.read_bytes() for file in tables)
    tables[0].write_bytes(second)
    tables[1].write_bytes(first)
    with pytest.raises(ArtifactError, match="is not the one"):
        published(stamped)


def test_a_stamp_edited_to_fit_is_found(stamped, tables):
    tables[0].write_text("tiny.csv\n2\n")
    content = json.loads(stamped.read_text())
    content.pop("tiny.csv")
    stamped.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="its seal says"):
        published(stamped)


def test_files_that_are_absent_cannot_be_stamped(tmp_path, tables):
    path = tmp_path / f"tiny-{RECIPE.key}.stamp"
    with pytest.raises(FileNotFoundError):
        stamp(path, RECIPE, [*tables, tmp_path / "absent.csv"])
    assert not path.exists()
