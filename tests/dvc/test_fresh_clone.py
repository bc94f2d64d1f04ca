"""A fresh clone makes no existing file again, whatever the links and times of its files."""

import os

import pytest

from tests.dvc.clone import EXPERIMENT, announced
from tests.workflow.jobs import TINY

AGES = {
    "the newest first": lambda number, count: 1_000_000_000 + count - number,
    "the newest last": lambda number, count: 1_000_000_000 + number,
    "of one age": lambda number, count: 2_000_000_000,
    "shuffled": lambda number, count: 1_000_000_000 + number * 7919 % count,
}


def test_reproducing_runs_every_job_once_and_then_nothing(origin):
    said = (origin.path.parent / "said.txt").read_text(encoding="utf-8")
    assert announced(said) | {"all": 1} == TINY
    again = origin.run("dvc", "repro")
    assert again.count("didn't change, skipping") == 1
    assert "Job stats" not in again, "Snakemake is not even asked"
    assert origin.run("git", "status", "--porcelain") == ""


def test_without_pulling_everything_is_due(clone):
    assert clone.due() == TINY


def touched(clone, age):
    files = clone.files()
    for number, file in enumerate(files):
        os.utime(file, (age(number, len(files)), age(number, len(files))))


def kind_of_link(file):
    return "symlink" if file.is_symlink() else "hardlink" if file.stat().st_nlink > 1 else "copy"


@pytest.mark.parametrize("link", ["copy", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("hardlink", "symlink"))])
def test_after_pulling_nothing_is_due_whatever_the_links_and_times(clone, link):
    clone.run("dvc", "config", "--local", "cache.type", link)
    clone.run("dvc", "pull")
    assert not (clone.path / ".snakemake").exists()
    assert {kind_of_link(file) for file in clone.files()} == {link}
    assert clone.due() == {}
    for age in [AGES["the newest first"]] if link == "copy" else AGES.values():
        touched(clone, age)
        assert clone.due() == {}
    assert "Data and pipelines are up to date" in clone.run("dvc", "status")


@pytest.mark.long
@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_a_run_never_writes_through_a_link_into_the_cache(clone, link):
    """It publishes other tables over linked ones; the cache still has the old ones."""
    clone.run("dvc", "config", "--local", "cache.type", link)
    clone.run("dvc", "pull")
    before = {file: file.read_bytes() for file in clone.files()}
    clone.write_experiment(clone.experiment | {"similarity_measures": ["linear_cka"]})
    clone.snakemake()
    assert (clone.path / "results/tables/quickstart.csv").read_bytes() != before[clone.path / "results/tables/quickstart.csv"]
    clone.run("git", "checkout", "--", EXPERIMENT)
    clone.run("dvc", "checkout", "--force")
    assert {file: file.read_bytes() for file in clone.files()} == before
    assert clone.due() == {}
