"""`stir check` refuses whatever a run would refuse, and counts what it would make."""

import json
from pathlib import Path

import pytest
from PIL import Image

from stir_workflow.commands.costs import SECONDS_TO_START, measured_seconds
from tests.experiment_files import TINY, edited, read_yaml, write_yaml
from tests.workflow import jobs

N_JOBS = sum(jobs.TINY.values()) - 1


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Check meanings here: a process of its own imports PyTorch again."""
    from stir_workflow.planning import start
    from stir_workflow.planning.loading import load_by_schema
    from stir_workflow.planning.meaning import check_meaning

    def check(paths, scale=None):
        for path in paths:
            check_meaning(load_by_schema(path, scale), path, scale=scale)

    monkeypatch.setattr(start, "check_apart", check)


def test_jobs_of_every_stage_are_counted_with_a_guess_of_their_time_and_size(stir, here):
    write_yaml(here / "tiny.yaml", read_yaml(TINY))
    said = json.loads(stir("check", "tiny.yaml", "--cores", "2", "--json").stdout)
    assert {stage["stage"]: stage["to_do"] for stage in said["stages"]} | {"all": 1} == jobs.TINY
    assert said["jobs_to_do"] == said["jobs"] == N_JOBS
    assert not said["seconds_are_measured"]
    assert said["seconds"] == pytest.approx(N_JOBS * SECONDS_TO_START / 2)
    assert 100_000 < said["bytes"] < 10_000_000
    text = stir("check", "tiny.yaml", "--cores", "2").stdout
    assert f"{N_JOBS} jobs, at least {N_JOBS * SECONDS_TO_START / 2:.0f} s with 2 cores (a guess" in text
    assert not (here / "results").exists(), "nothing is written"


def test_what_is_there_is_not_counted_and_measured_times_are_used(stir, here):
    write_yaml(here / "tiny.yaml", read_yaml(TINY))
    for stage in jobs.TINY:
        folder = Path("results/benchmarks", stage)
        folder.mkdir(parents=True)
        (folder / "a.tsv").write_text("s\tcpu_s\n10.0\t1.0\n")
        (folder / "b.tsv").write_text("half written")
    from stir_workflow.planning.loading import load_experiment
    from stir_workflow.planning.plan import Plan

    plan = Plan("tiny", load_experiment(Path("tiny.yaml")))
    for path in plan.paths():
        if plan.by_path[path].recipe.stage == "dataset":
            Path(path).parent.mkdir(parents=True)
            Path(path).touch()
    said = json.loads(stir("check", "tiny.yaml", "--cores", "1", "--json").stdout)
    assert said["jobs_to_do"] == N_JOBS - 1
    assert said["seconds_are_measured"]
    assert said["seconds"] == pytest.approx(10 * (N_JOBS - 1))
    assert measured_seconds("dataset") == 10


def test_of_a_finished_experiment_it_names_the_call_that_shows_it(stir, here):
    (here / "my work").mkdir()
    write_yaml(here / "my work" / "tiny.yaml", read_yaml(TINY))
    from stir_workflow.planning.loading import load_experiment
    from stir_workflow.planning.plan import Plan

    for path in Plan("tiny", load_experiment(here / "my work" / "tiny.yaml")).paths():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    said = stir("check", "my work/tiny.yaml")
    assert said.stdout.endswith("Everything is there: stir show 'my work/tiny.yaml'\n"), said.output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models.0.architecture": "resnet9"}, "models[0].architecture: unknown 'resnet9'. Did you mean 'resnet8'"),
        ({"layers": ["stage9"]}, "layer 'stage9'"),
        (
            {"images.n_images": 65},
            "images.n_images: expected at most the 64 test images of 'digits'; got 65; take fewer, or raise dataset.n_test",
        ),
        ({"inversion.tolerance": -1}, "inversion.tolerance"),
    ],
)
def test_whatever_a_run_would_refuse_is_refused_with_file_and_key(refused, here, changes, message):
    write_yaml(here / "wrong.yaml", edited(read_yaml(TINY), changes))
    said = refused("check", "wrong.yaml")
    assert said.startswith("error: wrong.yaml: ")
    assert message in said


def test_images_of_ones_own_are_looked_at_before_any_job(refused, stir, here, own):
    assert stir("init", "mine.yaml", "--images", "own", "--model", "resnet8").exit_code == 0
    assert stir("check", "mine.yaml").exit_code == 0
    (own / "a" / "0.png").write_text("no picture")
    Image.new("L", (9, 9)).save(own / "b" / "1.png")
    said = refused("check", "mine.yaml")
    for problem in ("0.png in own cannot be decoded", "got 9 x 9, L: b/1.png in own", "set resize, crop or convert"):
        assert problem in said
    (own / "a" / "0.png").unlink()
    for folder in "abc":
        for picture in (own / folder).iterdir():
            picture.unlink()
    assert "mine.yaml: dataset: Expected image files" in refused("check", "mine.yaml")


def test_an_experiment_that_there_is_not_is_refused(refused):
    assert "Unknown experiment 'quickstrat'. Did you mean 'quickstart'?" in refused("check", "quickstrat")
    assert "there is none" in refused("check", "absent.yaml")
    assert "Expected one experiment; got several" in refused("check", "quickstart,random_init")
