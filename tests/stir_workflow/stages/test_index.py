"""Jobs of several artifacts make what is missing of them, and list all in an index."""

from pathlib import Path

import pytest

from stir.errors import ArtifactError
from stir_workflow.stages.index import make_parts, read_index
from stir_workflow.stages.job import Job
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.identity import Recipe
from tests.stir_workflow.sealed import flip_a_bit

SEEDS = (0, 1, 2)


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = Recipe("inversion", 1, {"random_seeds": list(SEEDS)})
    return Job(recipe, Path(f"results/iris/a-{recipe.key}.json"))


@pytest.fixture
def parts(job):
    recipes = [Recipe("iri", 1, {"random_seed": random_seed}) for random_seed in SEEDS]
    return {recipe.key: Job(recipe, Path(f"results/iris/a/b-{recipe.key}.h5")) for recipe in recipes}


@pytest.fixture
def made():
    """The random seeds for which a part was made, in turn."""
    return []


@pytest.fixture
def make(made):
    def make_one(part):
        if part.settings["random_seed"] in made:
            raise InterruptedError
        with sealing(part.output, part.recipe) as path:
            path.write_text(str(part.settings["random_seed"]), encoding="utf-8")
        made.append(part.settings["random_seed"])

    return make_one


def test_all_parts_are_made_and_listed_with_their_costs(job, parts, make, made):
    make_parts(job, parts, make, unit="inversion")
    assert made == list(SEEDS)
    assert read_index(job.output) == {key: part.output for key, part in parts.items()}
    assert all(part.benchmark.is_file() for part in parts.values())


def test_only_what_is_missing_or_bad_is_made_again(job, parts, make, made):
    make_parts(job, parts, make, unit="inversion")
    first, second, _ = parts.values()
    made.clear()
    first.output.unlink()
    flip_a_bit(second.output, at=0)
    make_parts(job, parts, make, unit="inversion")
    assert made == [0, 1]


def test_a_job_that_fails_keeps_the_parts_it_made_and_lists_none(job, parts, make, made):
    made.append(2)
    with pytest.raises(InterruptedError):
        make_parts(job, parts, make, unit="inversion")
    assert [part.output.exists() for part in parts.values()] == [True, True, False]
    assert not job.output.exists()


@pytest.mark.parametrize("place", ["results/scores/x.h5", "results/iris/../scores/x.h5", "/etc/passwd"])
def test_an_index_that_names_a_file_elsewhere_is_refused(job, place):
    with sealing(job.output, job.recipe) as path:
        path.write_text(f'{{"key": "{place}"}}', encoding="utf-8")
    with pytest.raises(ArtifactError, match="does not lie beside it; remake it"):
        read_index(job.output)
