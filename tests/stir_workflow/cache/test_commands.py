"""`stir cache list` and `stir cache prune`, from the command line to the files."""

import io
import json
import os
from contextlib import contextmanager

import pandas as pd
import pytest
from click.testing import CliRunner
from dvc.repo import Repo
from filelock import FileLock

from stir_workflow.cache import commands
from stir_workflow.cache.commands import cache
from stir_workflow.cache.pruning import LOCK
from stir_workflow.store.artifacts import seal_path
from stir_workflow.store.quarantine import set_aside
from stir_workflow.store.survey import sealed_files
from stir_workflow.store.verification import verify
from tests.stir_workflow.cache.conftest import make, make_unneeded, planned, write_experiment
from tests.stir_workflow.cache.test_pruning import files


def stir_cache(*arguments, answer=None):
    return CliRunner().invoke(cache, [str(argument) for argument in arguments], input=answer)


@pytest.fixture
def copies(monkeypatch):
    """A substitute for DVC that has copies of all files except those in this list."""
    missing = []

    @contextmanager
    def all_but_missing(remote):
        yield lambda file: file.resolve() not in missing

    monkeypatch.setattr(commands, "dvc_copies", all_but_missing)
    return missing


class TestList:
    def test_shows_path_stage_size_age_and_experiments(self, made):
        old = make_unneeded(made)
        stamp = old.stat().st_mtime - 3 * 86_400 - 60
        for file in (old, old.with_name(f"{old.name}.json")):
            os.utime(file, (stamp, stamp))
        result = stir_cache("list")
        assert result.exit_code == 0
        (line,) = [line for line in result.output.splitlines() if line.endswith(old.name)]
        size = sum(file.stat().st_size for file in (old, old.with_name(f"{old.name}.json")))
        assert line.split() == [f"{size / 1000:.2f}", "kB", "3", "d", "iri", "-", f"results/iris/model/{old.name}"]
        iri = planned(made / "workflow/experiments/tiny.yaml").stage_paths("iri")[0]
        assert any(line.split()[-2:] == ["tiny", iri] for line in result.output.splitlines())

    def test_adds_up_each_stage(self, made):
        make_unneeded(made)
        totals = stir_cache("list").output.split("\n\n")[1].splitlines()
        assert totals[0].split() == ["stage", "entries", "size", "unneeded"]
        entries = {line.split()[0]: int(line.split()[1]) for line in totals[1:]}
        counts = {
            "dataset": 1,
            "checkpoint": 4,
            "evaluation": 2,
            "inversion": 4,
            "iri": 5,
            "pair": 8,
            "representation": 2,
            "score": 2,
        }
        assert counts.items() <= entries.items()
        assert entries["all"] == sum(entries.values()) - entries["all"]

    @pytest.mark.parametrize("form", ["json", "csv"])
    def test_speaks_to_programs(self, made, form):
        old = make_unneeded(made)
        text = stir_cache("list", f"--{form}").stdout
        frame = pd.DataFrame(json.loads(text)) if form == "json" else pd.read_csv(io.StringIO(text), keep_default_na=False)
        assert list(frame.columns) == ["path", "kind", "stage", "bytes", "modified", "needed_by"]
        assert len(frame) == len(planned(made / "workflow/experiments/tiny.yaml").paths()) + 1
        row = frame[frame["path"] == old.relative_to(made).as_posix()].iloc[0]
        assert (row["kind"], row["stage"], row["needed_by"]) == ("artifact", "iri", "")
        assert row["bytes"] == old.stat().st_size + old.with_name(f"{old.name}.json").stat().st_size
        assert pd.Timestamp(row["modified"]).tz is not None

    def test_sorts_as_asked(self, made):
        paths = {}
        for number, sort in enumerate(("size", "age", "path")):
            frame = pd.read_csv(io.StringIO(stir_cache("list", "--csv", "--sort", sort).stdout))
            paths[sort] = list(frame["path"])
            if number == 0:
                assert frame["bytes"].is_monotonic_decreasing
            if sort == "age":
                assert frame["modified"].is_monotonic_increasing
        assert paths["path"] == sorted(paths["size"])

    def test_shows_only_what_is_not_needed_if_asked(self, made):
        old = make_unneeded(made)
        frame = pd.read_csv(io.StringIO(stir_cache("list", "--unneeded", "--csv").stdout))
        assert list(frame["path"]) == [old.relative_to(made).as_posix()]

    def test_counts_experiment_files_elsewhere(self, made, tiny, tmp_path):
        (made / "workflow/experiments/tiny.yaml").rename(tmp_path / "mine.yaml")
        frame = pd.read_csv(io.StringIO(stir_cache("list", "--csv").stdout), keep_default_na=False)
        assert set(frame["needed_by"]) == {""}
        frame = pd.read_csv(io.StringIO(stir_cache("list", "--csv", "--experiment", tmp_path / "mine.yaml").stdout))
        assert str(tmp_path / "mine.yaml") in set(frame["needed_by"])

    def test_marks_a_broken_experiment_and_goes_on(self, made):
        write_experiment(made, "broken", {"colour": "red"})
        result = stir_cache("list")
        assert result.exit_code == 0
        assert "broken.yaml: the file: unknown key 'colour'" in result.stderr
        assert "The artifacts that this experiment needs are unknown" in result.stderr

    def test_says_if_there_is_nothing(self, project):
        assert stir_cache("list").output == "There is nothing.\n"


class TestPrune:
    def test_asks_and_removes_what_none_needs(self, made, copies):
        before = files(made)
        old = make_unneeded(made)
        result = stir_cache("prune", answer="y\n")
        assert result.exit_code == 0, result.output
        assert old.name in result.output
        assert "Remove them? [y/N]" in result.output
        assert "Removed 1 entries" in result.output
        assert files(made) == before

    @pytest.mark.parametrize("how", [{"answer": "n\n"}, {"answer": "\n"}, {"answer": ""}, {"options": ["--dry-run", "--yes"]}])
    def test_removes_nothing_unless_told_so(self, made, copies, how):
        make_unneeded(made)
        before = files(made)
        result = stir_cache("prune", *how.get("options", []), answer=how.get("answer"))
        assert "No experiment needs these" in result.output
        assert files(made) == before

    def test_does_not_ask_if_told_so(self, made, copies):
        old = make_unneeded(made)
        result = stir_cache("prune", "--yes")
        assert "Remove them?" not in result.output
        assert not old.exists()

    def test_leaves_what_dvc_has_no_copy_of_and_says_so(self, made, copies):
        old, older = make_unneeded(made), make_unneeded(made, "stage2")
        copies.append(old)
        result = stir_cache("prune", "--yes")
        assert old.exists()
        assert not older.exists()
        assert "DVC has no copy of them, so they are kept" in result.output
        assert old.name in result.output.split("so they are kept")[1].split("\n\n")[0]

    def test_every_file_of_an_artifact_must_be_held(self, made, copies):
        old = make_unneeded(made)
        copies.append(seal_path(old))
        stir_cache("prune", "--yes")
        assert old.exists()
        assert seal_path(old).exists()

    def test_nobody_is_asked_for_leftovers(self, made):
        place = set_aside(make_unneeded(made))
        assert stir_cache("prune", "--yes").output == "Nothing to remove.\n"
        assert stir_cache("prune", "--yes", "--leftovers").exit_code == 0
        assert not place.exists()

    def test_removes_also_that_if_told_so(self, made, copies):
        old = make_unneeded(made)
        copies.append(old)
        stir_cache("prune", "--yes", "--without-copy")
        assert not old.exists()

    def test_without_dvc_nothing_goes(self, made):
        old = make_unneeded(made)
        result = stir_cache("prune", "--yes")
        assert result.exit_code == 1
        assert result.stderr.startswith("error: DVC's copies cannot be queried")
        assert old.exists()

    def test_a_setting_changed_leaves_the_old_ones_to_go_and_the_new_ones_stay(self, made, copies, tiny):
        before = set(files(made))
        write_experiment(made, "tiny", {**tiny, "layers": ["stage3"], "models": tiny["models"][:1]})
        plan = planned(made / "workflow/experiments/tiny.yaml")
        for path, artifact in plan.by_path.items():
            if not (made / path).exists():
                make(made, artifact)
        stir_cache("prune", "--yes")
        after = files(made)
        assert {made / path for path in plan.paths()} <= set(after)
        assert 0 < len(set(after) & before) < len(before)
        assert stir_cache("list", "--unneeded").output == "There is nothing.\n"

    def test_names_experiments_that_may_lie_elsewhere(self, made, copies, tiny, tmp_path):
        (made / "workflow/experiments/tiny.yaml").rename(tmp_path / "mine.yaml")
        write_experiment(made, "other", {**tiny, "layers": ["stage3"], "models": tiny["models"][:1]})
        said = "results of tiny, which has no file here. If it is elsewhere: --experiment FILE"
        assert said in stir_cache("prune", "--dry-run").output

    def test_a_broken_experiment_is_refused(self, made, copies):
        make_unneeded(made)
        before = files(made)
        write_experiment(made, "broken", {"colour": "red"})
        result = stir_cache("prune", "--yes", "--without-copy", "--leftovers")
        assert result.exit_code == 1
        assert "broken.yaml" in result.stderr
        assert "Traceback" not in result.stderr
        assert files(made) == before

    def test_a_run_under_way_is_refused(self, made, copies):
        old = make_unneeded(made)
        LOCK.parent.mkdir(exist_ok=True)
        with FileLock(LOCK):
            result = stir_cache("prune", "--yes")
        assert result.exit_code == 1
        assert "error: A run is in progress" in result.stderr
        assert old.exists()

    def test_nothing_to_do_is_said(self, made, copies):
        assert stir_cache("prune").output == "Nothing to remove.\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc.*")
def test_what_was_pruned_comes_back_from_dvc_as_it_was(made, tiny):
    with Repo.init(no_scm=True) as repo:
        repo.add(["data", "results"])
    before = {file: file.read_bytes() for file in files(made)}
    uncopied = make_unneeded(made)
    write_experiment(made, "tiny", {**tiny, "layers": ["stage3"]})
    result = stir_cache("prune", "--yes")
    assert result.exit_code == 0, result.output
    after = set(files(made))
    assert uncopied in after
    assert 0 < len(after) < len(before)
    assert verify(sealed_files([made / "data", made / "results"])) == {}
    with Repo() as repo:
        repo.checkout(force=True)
    assert {file: file.read_bytes() for file in files(made)} == before
