"""All files in data/ and results/ are found, classified, and counted once."""

import os
import re
from pathlib import Path

import pytest

from stir_workflow.cache.inventory import inventory
from stir_workflow.cache.needs import experiment_files, needs_of
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.identity import Recipe
from stir_workflow.store.places import SUFFIXES
from stir_workflow.store.quarantine import set_aside
from stir_workflow.store.stamps import stamp
from stir_workflow.store.survey import ARTIFACT
from tests.stir_workflow.cache.conftest import make_unneeded, planned, write_experiment


def entries(kind=None):
    found = inventory(needs_of(experiment_files()).by_path)
    return {entry.path.as_posix(): entry for entry in found if kind in (None, entry.kind)}


def first(project, stage):
    return planned(project / "workflow" / "experiments" / "tiny.yaml").stage_paths(stage)[0]


def test_every_suffix_of_an_artifact_is_known():
    assert all(ARTIFACT.search(f"x-0123456789{suffix}") for suffix in SUFFIXES.values())


def test_a_finished_experiment_is_all_artifacts_that_it_needs(made):
    plan = planned(made / "workflow" / "experiments" / "tiny.yaml")
    found = entries()
    assert set(found) == set(plan.paths())
    assert {entry.kind for entry in found.values()} == {"artifact"}
    assert {entry.needed_by for entry in found.values()} == {("tiny",)}
    assert {path: entry.stage for path, entry in found.items()} == {
        path: artifact.recipe.stage for path, artifact in plan.by_path.items()
    }


def test_every_byte_and_file_is_counted_once(made):
    make_unneeded(made)
    files = [file for part in ("data", "results") for file in (made / part).rglob("*") if file.is_file()]
    found = entries().values()
    assert sum(entry.size for entry in found) == sum(file.stat().st_size for file in files)
    assert sorted(file for entry in found for file in entry.files) == sorted(file.relative_to(made) for file in files)


def test_an_artifact_goes_with_its_seal_and_a_stamp_with_its_files(made):
    iri, table = Path(first(made, "iri")), Path(first(made, "table"))
    found = entries()
    assert found[iri.as_posix()].files == (iri, seal_path(iri))
    assert found[table.as_posix()].files == (table, table.with_suffix("") / "table.csv", seal_path(table))
    assert found[table.as_posix()].experiment == "tiny"


def test_what_two_experiments_need_names_both(made, tiny):
    write_experiment(made, "other", tiny)
    found = entries()
    assert found[first(made, "iri")].needed_by == ("other", "tiny")
    assert found[first(made, "table")].needed_by == ("tiny",)


def test_an_old_settings_artifact_is_needed_by_none(made):
    old = make_unneeded(made).relative_to(made).as_posix()
    assert entries()[old].needed_by == ()


def test_a_file_of_two_stamps_belongs_to_the_one_that_is_needed(made):
    """Two settings that publish the same table: the old stamp must not take it away."""
    publication = Path(first(made, "publication"))
    shared = Path("results/tables/tiny.csv")
    (made / shared).write_text("table")
    stamp(
        made / publication,
        planned(made / "workflow/experiments/tiny.yaml").by_path[publication.as_posix()].recipe,
        [made / shared],
    )
    recipe = Recipe("publication", 0, {"experiment": "tiny"})
    old = publication.with_name(f"tiny-{recipe.key}.stamp")
    stamp(made / old, recipe, [made / shared])
    found = entries()
    assert found[old.as_posix()].files == (old, seal_path(old))
    assert shared in found[publication.as_posix()].files


def test_what_a_stamp_no_longer_vouches_for_is_not_its_own(made):
    table = Path(first(made, "table"))
    (made / table.with_suffix("") / "table.csv").write_text("by hand")
    assert entries()[table.as_posix()].files == (table, seal_path(table))


class TestLeftovers:
    def test_set_aside_files_are_listed_as_such(self, made):
        iri = made / first(made, "iri")
        place = set_aside(iri).relative_to(made)
        assert set(entries("set aside")) == {place.as_posix(), f"{place}.json"}

    @pytest.mark.parametrize("name", [".x.h5.12.tmp", ".x.12.tmp.h5", ".x.csv.12.tmp"])
    def test_temporary_files_are_listed_when_a_day_old(self, made, name):
        path = made / "results" / "iris" / name
        path.write_text("half")
        assert entries("temporary") == {}
        old = path.stat().st_mtime - 90_000
        os.utime(path, (old, old))
        assert set(entries("temporary")) == {f"results/iris/{name}"}

    def test_a_snapshot_is_needed_until_its_artifact_is_there(self, made):
        iri = made / first(made, "iri")
        names = [f".{iri.name}.snapshot{part}.tmp" for part in ("", ".part", ".pictures")]
        for name in names:
            iri.with_name(name).write_text("state")
        assert [entry.needed_by for entry in entries("snapshot").values()] == [()] * 3
        iri.unlink()
        assert [entry.needed_by for entry in entries("snapshot").values()] == [("tiny",)] * 3

    def test_seals_of_nothing_and_artifacts_without_a_seal_are_told_apart(self, made):
        iri, score, evaluation = (made / first(made, stage) for stage in ("iri", "score", "evaluation"))
        iri.unlink()
        seal_path(score).unlink()
        seal_path(evaluation).unlink()
        assert set(entries("lone seal")) == {seal_path(iri).relative_to(made).as_posix()}
        unsealed = entries("unsealed")
        assert set(unsealed) == {path.relative_to(made).as_posix() for path in (score, evaluation)}
        assert {entry.needed_by for entry in unsealed.values()} == {("tiny",)}

    def test_files_of_a_stamp_that_is_gone_are_as_needed_as_it(self, made):
        table = made / first(made, "table")
        table.unlink()
        old = made / "results" / "tables" / "tiny-0123456789" / "table.csv"
        old.parent.mkdir()
        old.write_text("old")
        needed = {path: entry.needed_by for path, entry in entries("unsealed").items()}
        assert needed == {
            (table.with_suffix("") / "table.csv").relative_to(made).as_posix(): ("tiny",),
            old.relative_to(made).as_posix(): (),
        }

    def test_other_files_are_nobodys_business(self, made):
        for name in ("results/notes.txt", "results/tables/README.md", "results/logs/iri/x-0123456789.log", "data/.gitignore"):
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_text("mine")
        assert not any(re.search(r"notes|README|log|gitignore", path) for path in entries())


def test_linked_folders_are_followed_once_and_none_that_leads_out(made, tmp_path):
    """Following a link to / would search the whole disk."""
    scores, out = made / "results" / "scores", tmp_path / "out"
    scores.rename(made / "results" / "kept")
    scores.symlink_to("kept")
    (made / "results" / "kept" / "round").symlink_to(made / "results")
    make_unneeded(out, folder=".")
    (made / "results" / "out").symlink_to(out)
    found = [path for path in entries() if "kept" in path or "scores" in path or "out" in path]
    assert len(found) == len(planned(made / "workflow/experiments/tiny.yaml").stage_paths("score"))


def test_nothing_is_found_where_nothing_is(project):
    assert entries() == {}
