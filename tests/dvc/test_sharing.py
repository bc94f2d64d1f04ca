"""Experiments share common files, in one folder and in clones with one cache."""

import pytest

from tests.dvc.clone import jobs_of

pytestmark = pytest.mark.long

SECOND = "workflow/experiments/measures.yaml"
OWN = jobs_of("score", "table", "figure", "report", "publication")
CONFIG = ("--config", "experiment=measures")


def with_second_experiment(clone):
    """Add an experiment on the same models with another measure."""
    clone.write_experiment(clone.experiment | {"similarity_measures": ["procrustes"]}, SECOND)
    return clone


def test_a_second_experiment_trains_and_inverts_nothing_again(pulled):
    with_second_experiment(pulled)
    assert pulled.due(*CONFIG) == OWN
    assert pulled.snakemake(*CONFIG).finished == OWN
    assert (pulled.path / "results/tables/measures.csv").is_file()
    assert pulled.due(*CONFIG) == {}
    assert pulled.due() == {}, "and takes nothing from the first"


def test_nor_in_another_clone_with_the_same_cache(origin, tmp_path):
    first, second = origin.clone(tmp_path / "first"), origin.clone(tmp_path / "second")
    for clone in (first, second):
        clone.run("dvc", "cache", "dir", "--local", tmp_path / "shared-cache")
    first.run("dvc", "pull")
    second.run("dvc", "checkout")
    with_second_experiment(second)
    assert second.due(*CONFIG) == OWN
    assert second.snakemake(*CONFIG).finished == OWN

    # The files of the second are transferred back in the same way.
    second.run("dvc", "commit", "--force")
    second.commit("Another experiment")
    first.run("git", "pull", "--quiet", second.path, "main")
    assert first.due(*CONFIG) == OWN
    first.run("dvc", "checkout")
    assert first.due(*CONFIG) == {}
    assert first.due() == {}
    assert "Data and pipelines are up to date" in first.run("dvc", "status")
