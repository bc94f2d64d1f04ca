"""Files that an experiment needs, that are outside the project, or that have no other copy are not removed."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from stir.files import temporary_beside
from stir_workflow.cache.commands import cache
from stir_workflow.cache.inventory import Entry, inventory
from stir_workflow.cache.needs import Needs, experiment_files, needs_of
from stir_workflow.cache.pruning import LOCK, PruneError, candidates, check_known, no_run, remove
from stir_workflow.cli import main
from stir_workflow.running.clones import NOTE, note_sharing
from stir_workflow.store.artifacts import seal_path, sealing
from stir_workflow.store.identity import Recipe
from stir_workflow.store.quarantine import set_aside
from tests.stir_workflow.cache.conftest import make_unneeded, planned, write_experiment


def chosen(**arguments):
    entries = inventory(needs_of(experiment_files()).by_path)
    return candidates(entries, **{"leftovers": False, **arguments})[0]


def files(project):
    """Return all files except lock files."""
    found = (file for part in ("data", "results") for file in (project / part).rglob("*") if file.is_file())
    return sorted(file for file in found if file.name != ".stir.lock")


def contents(project):
    return {file: file.read_bytes() for file in files(project)}


def make_unneeded_dataset(project):
    recipe = Recipe("dataset", 1, {"name": "old"})
    with sealing(project / "data" / "datasets" / f"old-{recipe.key}.h5", recipe) as temporary:
        temporary.write_text("old")


class TestCandidates:
    def test_are_what_no_experiment_needs(self, made):
        assert chosen() == []
        old = make_unneeded(made).relative_to(made)
        assert [entry.path for entry in chosen()] == [old]

    def test_leave_leftovers_unless_asked(self, made):
        set_aside(make_unneeded(made))
        assert chosen() == []
        assert {entry.kind for entry in chosen(leftovers=True)} == {"set aside"}

    def test_never_hold_a_snapshot_that_is_needed(self, made):
        iri = made / planned(made / "workflow/experiments/tiny.yaml").stage_paths("iri")[0]
        iri.with_name(f".{iri.name}.snapshot.tmp").write_text("state")
        assert len(chosen(leftovers=True)) == 1
        iri.unlink()
        assert [entry.kind for entry in chosen(leftovers=True)] == ["lone seal"]

    def test_leave_what_lies_behind_a_link(self, made, tmp_path):
        """Another project may have linked the same folder."""
        shared = make_unneeded(tmp_path, folder="shared")
        (made / "results" / "iris" / "shared").symlink_to(shared.parent)
        assert chosen() == []

    @pytest.mark.parametrize("top", ["data", "results"])
    def test_leave_what_lies_in_a_linked_folder_of_another_project(self, made, tmp_path, top):
        (made / top).rename(tmp_path / "scratch")
        (made / top).symlink_to(tmp_path / "scratch")
        make_unneeded(made)
        make_unneeded_dataset(made)
        assert [entry.path.parts[0] for entry in chosen()] == [{"data": "results", "results": "data"}[top]]

    def test_leave_what_is_needed_by_another_name_of_its_folder(self, made):
        """A link within the folder of a stage: the file is found by one name, and needed by the other."""
        model = made / Path(planned(made / "workflow/experiments/tiny.yaml").stage_paths("iri")[0]).parent
        model.rename(model.with_name("aaa"))
        model.symlink_to("aaa")
        assert chosen() == []

    def test_leave_what_another_project_shares_by_a_link_once_it_ran(self, made, tmp_path, monkeypatch):
        old = make_unneeded(made).relative_to(made)
        (tmp_path / "clone").mkdir()
        (tmp_path / "clone" / "results").symlink_to(made / "results")
        monkeypatch.chdir(tmp_path / "clone")
        note_sharing()
        note_sharing()
        monkeypatch.chdir(made)
        entries = inventory(needs_of(experiment_files()).by_path)
        assert [(entry.path, "is shared with" in reason) for entry, reason in candidates(entries, leftovers=False)[1]] == [
            (old, True)
        ]
        assert (made / "results" / NOTE).read_text() == f"{tmp_path / 'clone'}\n"


class TestOwnership:
    """Files of the user are never removed, whatever their names."""

    MINE = (
        "data/mine/images.npy",
        "data/mine/images.npy.json",
        "data/recordings-1764201600/session.npy",
        "data/datasets/recordings-1764201600.h5",
        "data/datasets/recordings-1764201601.h5",
        "data/datasets/recordings-1764201601.h5.json",
        "results/iris/x-1764201602.h5.json",
        "results/tables/plots-1764201600/plot.csv",
        "results/tables/tiny.csv",
        "data/mine/.quarantine/kept.npy",
        "data/datasets/.quarantine/recordings-1764201600.h5.0",
        "data/datasets/.quarantine/recordings-1764201600.h5.0.json",
        "data/mine/.notes.tmp",
        "results/iris/.x-1764201600.h5.12-0a1b2c3d.tmp",
        "results/iris/.x-1764201600.h5.snapshot.tmp",
    )

    @pytest.fixture
    def mine(self, made):
        """Files of the user's, all of them old."""
        for name in self.MINE:
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_text('{"mine": 1}')
            os.utime(made / name, (1, 1))
        return self.MINE

    @pytest.mark.parametrize("how", [["--without-copy"], ["--leftovers"], ["--leftovers", "--without-copy"]])
    def test_whatever_they_are_called_they_stay(self, made, mine, how):
        before = contents(made)
        ran = CliRunner().invoke(cache, ["prune", "--yes", *how])
        assert ran.exit_code == (0 if "--without-copy" in how or "Nothing to remove" in ran.output else 1)
        assert contents(made) == before

    def test_they_are_listed_with_the_reason(self, made, mine):
        said = CliRunner().invoke(cache, ["prune", "--yes", "--without-copy", "--leftovers"]).output
        assert "they are left (each for this reason: it does not provably belong to this project" in said
        assert "data/recordings-1764201600/session.npy" in said
        assert "data/mine/.quarantine/kept.npy" in said

    def test_verify_moves_none_of_them(self, made, mine):
        before = contents(made)
        CliRunner().invoke(main, ["verify"])
        assert contents(made) == before

    def test_another_content_with_the_seal_of_an_artifact_stays(self, made):
        """Its seal is whole, but not of this very file."""
        old = make_unneeded(made)
        old.write_bytes(b"x" * old.stat().st_size)
        CliRunner().invoke(cache, ["prune", "--yes", "--without-copy"])
        assert old.exists()

    def test_what_this_project_left_behind_goes(self, made):
        """Temporary files have a digest in their names; quarantined files and lone seals have valid seals."""
        lone, aside = make_unneeded(made), make_unneeded(made, "stage2")
        lone.unlink()
        place = set_aside(aside)
        with temporary_beside(made / "results" / "iris" / "x.h5") as temporary:
            os.utime(temporary, (1, 1))
            assert {entry.kind for entry in chosen(leftovers=True)} == {"lone seal", "set aside", "temporary"}
            CliRunner().invoke(cache, ["prune", "--yes", "--without-copy", "--leftovers"])
            assert not any(os.path.lexists(path) for path in (seal_path(lone), place, temporary))


class TestRemove:
    def test_takes_the_artifact_its_seal_and_folders_that_are_empty_then(self, made):
        before = files(made)
        old = make_unneeded(made)
        for entry in chosen():
            remove(entry)
        assert files(made) == before
        assert not old.parent.exists()
        assert (made / "results" / "iris").is_dir()

    def test_leaves_the_folder_of_a_stage(self, project):
        make_unneeded(project)
        for entry in chosen():
            remove(entry)
        assert [path.relative_to(project).as_posix() for path in (project / "results").rglob("*")] == ["results/iris"]

    def test_removes_a_link_and_not_what_it_leads_to(self, made, tmp_path):
        old = make_unneeded(made)
        old.rename(tmp_path / "store")
        old.symlink_to(tmp_path / "store")
        for entry in chosen():
            remove(entry)
        assert (tmp_path / "store").exists()
        assert not old.is_symlink()

    @pytest.mark.parametrize("place", ["README.md", "data/../README.md", "workflow/experiments/tiny.yaml"])
    def test_touches_nothing_outside(self, made, place):
        (made / "README.md").write_text("mine")
        file = made.joinpath(place).relative_to(made)
        with pytest.raises(PruneError, match="Expected a file in data/ or results/"):
            remove(Entry(file, "artifact", "?", (file,), 1, 0))
        assert (made / file).exists()


class TestNotKnown:
    def test_a_broken_experiment_is_refused_and_named(self, project, tiny):
        write_experiment(project, "broken", {**tiny, "colour": "red"})
        with pytest.raises(PruneError, match=r"are unknown.*\n.*broken\.yaml: the file: unknown key 'colour'"):
            check_known(needs_of(experiment_files()))

    def test_no_experiment_at_all_is_refused(self):
        with pytest.raises(PruneError, match="all artifacts would be removed"):
            check_known(Needs())

    def test_sound_ones_are_not(self, project):
        check_known(needs_of(experiment_files()))


def test_a_run_under_way_is_refused(project):
    LOCK.parent.mkdir()
    with FileLock(LOCK), pytest.raises(PruneError, match="A run is in progress"), no_run():
        pytest.fail("the block was entered")
    with no_run(), pytest.raises(PruneError), no_run():
        pytest.fail("the block was entered")
