"""Before a run, bad files in the cache are moved to quarantine and reported; good ones are left."""

import os

import pytest

from stir.digests import sha256_of
from stir.errors import InvalidInputError
from stir_workflow.planning.cache import set_bad_aside
from stir_workflow.store import artifacts, verification
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.identity import Recipe
from stir_workflow.store.stamps import keyed_folder, stamp
from tests.stir_workflow.sealed import flip_a_bit, seal_one


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def paths(folder):
    return [str(seal_one(folder / "results", layer).relative_to(folder)) for layer in ("stage1", "stage2", "stage3")]


@pytest.fixture
def stamped(folder):
    """A stamp, and the table that it stands for in a folder of its key."""
    recipe = Recipe("table", 1)
    path = folder / "results" / "tables" / f"tiny-{recipe.key}.stamp"
    table = keyed_folder(path) / "tiny.csv"
    table.parent.mkdir(parents=True)
    table.write_text("stir\n0.5\n")
    stamp(path, recipe, [table])
    return path


def test_nothing_is_said_or_moved_if_all_is_well(folder, paths, stamped):
    before = sorted(folder.rglob("*"))
    assert set_bad_aside([*paths, str(stamped), "results/not-made-yet.h5"]) == []
    assert [path for path in sorted(folder.rglob("*")) if ".snakemake" not in path.parts] == before


def test_a_bad_file_is_moved_and_named(folder, paths):
    flip_a_bit(folder / paths[1])
    (said,) = set_bad_aside(paths)
    assert paths[1] in said
    assert "SHA-256 differs" in said
    assert not (folder / paths[1]).exists()
    assert (folder / "results" / ".quarantine" / f"{os.path.basename(paths[1])}.0").is_file()  # noqa: PTH119
    assert ".quarantine" in said
    assert (folder / paths[0]).exists()
    assert (folder / paths[2]).exists()
    assert set_bad_aside(paths) == [], "said once"


def test_an_unsealed_file_is_moved(folder, paths):
    seal_path(folder / paths[0]).unlink()
    (said,) = set_bad_aside(paths)
    assert "has no seal" in said
    assert not (folder / paths[0]).exists()


def test_files_that_were_found_good_are_not_read_again(folder, paths, monkeypatch):
    set_bad_aside(paths)
    assert (folder / verification.MEMORY).is_file()
    monkeypatch.setattr(artifacts, "sha256_of", lambda path: pytest.fail(f"{path} was read again"))
    assert set_bad_aside(paths) == []


def test_memory_is_no_trust_after_a_change(folder, paths):
    set_bad_aside(paths)
    flip_a_bit(folder / paths[2])
    assert len(set_bad_aside(paths)) == 1


def test_an_altered_table_is_set_aside_with_its_stamp(stamped):
    table = keyed_folder(stamped) / "tiny.csv"
    set_bad_aside([str(stamped)])
    table.write_text("stir\n0.9\n")
    said = set_bad_aside([str(stamped)])
    assert any("tiny.csv differs from the file" in line for line in said)
    assert not stamped.exists()
    assert not seal_path(stamped).exists()
    assert (table.parent / ".quarantine" / "tiny.csv.0").read_text() == "stir\n0.9\n", "what was edited by hand is kept"
    assert not table.exists()


def test_a_stamp_goes_if_its_table_is_gone(stamped):
    (keyed_folder(stamped) / "tiny.csv").unlink()
    (said,) = set_bad_aside([str(stamped)])
    assert "tiny.csv, which changed or is missing" in said
    assert not stamped.exists()


def test_an_altered_copy_is_left_to_the_publication_and_its_stamp_set_aside(folder):
    recipe = Recipe("publication", 1)
    path, table = folder / "results" / "publications" / f"tiny-{recipe.key}.stamp", folder / "results" / "tables" / "tiny.csv"
    table.parent.mkdir(parents=True)
    table.write_text("stir\n0.5\n")
    stamp(path, recipe, [table])
    table.write_text("stir\n0.9\n")
    said = set_bad_aside([str(path)])
    assert any("tiny.csv, which changed or is missing" in line for line in said)
    assert not path.exists()
    assert table.read_text() == "stir\n0.9\n", "whose file that is, the stage publication finds out"


def test_what_a_damaged_stamp_names_elsewhere_is_left_alone(folder, stamped):
    other = folder / "notes.txt"
    other.write_text("mine")
    stamped.write_text('{"notes.txt": "0"}')
    set_bad_aside([str(stamped)])
    assert not stamped.exists()
    assert other.read_text() == "mine"


def test_a_bad_stamp_is_moved_as_any_file(stamped):
    stamped.write_text("{}")
    (said,) = set_bad_aside([str(stamped)])
    assert "its seal says" in said
    assert not stamped.exists()
    assert (keyed_folder(stamped) / "tiny.csv").exists()


def test_other_files_are_not_looked_at(folder, paths):
    flip_a_bit(folder / paths[0])
    digest = sha256_of(folder / paths[0])
    assert set_bad_aside(paths[1:]) == []
    assert sha256_of(folder / paths[0]) == digest


@pytest.mark.parametrize("place", ["results/tables", "results/logs/table", "results/benchmarks", "results/logs"])
def test_a_link_that_leads_out_of_a_folder_of_the_plan_is_refused(folder, stamped, place):
    out, path = folder / "out", folder / place
    out.mkdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(folder / "old")
    path.symlink_to(out)
    with pytest.raises(InvalidInputError, match="Expected a path inside data/ or results/"):
        set_bad_aside([str(stamped.relative_to(folder))])
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    "harm", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path)]
)
def test_whatever_lies_at_a_path_of_the_plan_is_moved_unopened(folder, paths, harm):
    (folder / paths[0]).unlink()
    harm(folder / paths[0])
    assert len(set_bad_aside(paths)) == 1
    assert not os.path.lexists(folder / paths[0])
