"""Nothing goes that an experiment needs, that lies elsewhere, or of which there is no other copy."""

import pytest
from filelock import FileLock

from housekeeping.inventory import Entry, inventory
from housekeeping.needs import Needs, experiment_files, needs_of
from housekeeping.pruning import LOCK, PruneError, candidates, check_known, no_run, remove
from stir.artifacts import set_aside
from tests.housekeeping.conftest import make_unneeded, planned, write_experiment


def chosen(**arguments):
    entries = inventory(needs_of(experiment_files()).by_path)
    return candidates(entries, **{"leftovers": False, **arguments})


def files(project):
    return sorted(file for part in ("data", "results") for file in (project / part).rglob("*") if file.is_file())


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

    def test_take_what_lies_in_a_linked_results_folder(self, made, tmp_path):
        (made / "results").rename(tmp_path / "scratch")
        (made / "results").symlink_to(tmp_path / "scratch")
        old = make_unneeded(made).relative_to(made)
        assert [entry.path for entry in chosen()] == [old]


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
        with pytest.raises(PruneError, match=r"not known.*\n.*broken\.yaml: the file: unknown key 'colour'"):
            check_known(needs_of(experiment_files()))

    def test_no_experiment_at_all_is_refused(self):
        with pytest.raises(PruneError, match="all would go"):
            check_known(Needs())

    def test_sound_ones_are_not(self, project):
        check_known(needs_of(experiment_files()))


def test_a_run_under_way_is_refused(project):
    LOCK.parent.mkdir()
    with FileLock(LOCK), pytest.raises(PruneError, match="A run is under way"), no_run():
        pytest.fail("the block was entered")
    with no_run(), pytest.raises(PruneError), no_run():
        pytest.fail("the block was entered")
