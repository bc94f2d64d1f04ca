"""What an artifact was made from is found by its seals; nothing is taken from files without."""

import pytest

from stir_workflow.store.artifacts import seal_path, sealing
from stir_workflow.store.identity import Recipe
from stir_workflow.store.lineage import lineage
from stir_workflow.store.places import FOLDERS, SUFFIXES


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Stage -> path of one artifact of each stage up to the table, as plans name them."""
    monkeypatch.chdir(tmp_path)
    paths, keys = {}, {}

    def make(stage, content="content", **inputs):
        recipe = Recipe(stage, 1, {"of": stage}, inputs)
        path = paths[stage] = tmp_path.joinpath(FOLDERS[stage], f"one-{recipe.key}{SUFFIXES[stage]}").relative_to(tmp_path)
        with sealing(path, recipe) as temporary:
            temporary.write_text(content)
        keys[stage] = recipe.key

    make("dataset")
    make("checkpoint", dataset=keys["dataset"])
    make("evaluation", checkpoint=keys["checkpoint"], dataset=keys["dataset"])
    make("iri", checkpoint=keys["checkpoint"], dataset=keys["dataset"])
    make("pair", checkpoint=keys["checkpoint"], dataset=keys["dataset"], iris=[keys["iri"]])
    make("representation", f'{{"entry": "{paths["pair"]}"}}', checkpoints=[keys["checkpoint"]], iris=[keys["iri"]])
    make("score", representation=keys["representation"], iris=[keys["iri"]])
    made = {"scores": [keys["score"]], "evaluations": [keys["evaluation"]], "datasets": [keys["dataset"]]}
    make("table", **made, checkpoints=[keys["checkpoint"]])
    return paths


def test_it_is_everything_up_to_the_images_each_once(made):
    found = [ancestor.stage for ancestor in lineage(made["table"])]
    assert sorted(found) == sorted(made)
    assert found[0] == "table"


def test_times_are_those_of_benchmarks_and_missing_where_there_are_none(made, tmp_path):
    benchmark = tmp_path / f"results/benchmarks/pair/{made['pair'].stem}.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\tcpu_s\tmax_rss_mb\n1.5\t1.0\t200\n")
    costs = {ancestor.stage: ancestor.cost for ancestor in lineage(made["table"])}
    assert costs.pop("pair") == {"s": 1.5, "max_rss_mb": 200.0}
    assert set(map(len, costs.values())) == {0}


def test_what_is_pruned_or_without_a_whole_seal_is_left_out_with_what_is_known_of_it_alone(made):
    seal_path(made["representation"]).unlink()
    seal_path(made["evaluation"]).write_text("{}")
    assert sorted(ancestor.stage for ancestor in lineage(made["table"])) == ["checkpoint", "dataset", "iri", "score", "table"]
    assert list(lineage(made["table"].with_name("other-0123456789.stamp"))) == []
