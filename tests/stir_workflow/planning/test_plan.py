"""A plan names every artifact by a digest of its recipe; a change affects only the artifacts that depend on it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from stir_workflow.planning.plan import Plan
from stir_workflow.stages import inversion, representation
from stir_workflow.stages.job import Job
from stir_workflow.store.facts import EXTRA, PARTS, STAGES
from tests.experiment_files import QUICKSTART, edited

REPRESENTATION = {"pair": 80, "representation": 8}
RESULTS = {"score": 8, "table": 1, "figure": 1, "report": 1, "publication": 1}
MADE_BY_RULES = set(STAGES) - PARTS - EXTRA
DOWNSTREAM_OF_IRI = {"inversion": 8, "iri": 32} | REPRESENTATION | RESULTS
COUNTED = {"dataset": 1, "checkpoint": 10, "evaluation": 8} | DOWNSTREAM_OF_IRI
"""Artifacts of the quickstart: of eight models, and of an untrained network for each of its two architectures."""


def changed(before, after):
    """Return stage -> number of artifacts of ``after`` that ``before`` does not have, of the stages that are counted here."""
    new = [artifact.recipe.stage for path, artifact in after.by_path.items() if path not in before.by_path]
    return {stage: new.count(stage) for stage in COUNTED if stage in new}


def test_the_quickstart_has_an_artifact_for_each_thing_to_make(plan):
    counts = {stage: len(plan().stage_paths(stage)) for stage in STAGES if stage not in EXTRA}
    assert {stage: counts[stage] for stage in COUNTED} == COUNTED
    assert all(counts.values()), "plan.py: a stage without artifacts"
    assert len(plan().paths()) == sum(counts.values()) == len(set(plan().paths()))


def test_every_path_carries_its_key(plan):
    for path, artifact in plan().by_path.items():
        assert artifact.key in path
        assert path.rpartition("/")[2].rpartition(".")[0].endswith(f"-{artifact.key}")


def test_every_input_is_planned_and_named_in_the_recipe(plan):
    planned = plan()
    for artifact in planned.by_path.values():
        keys = {role: value if isinstance(value, list) else [value] for role, value in artifact.recipe.inputs.items()}
        assert keys == {role: [planned.by_path[path].key for path in paths] for role, paths in artifact.inputs.items()}


def test_iris_are_made_from_the_reference_model_alone(plan):
    """The reason for the cache: M models cost M inversions."""
    for artifact in plan().by_path.values():
        if artifact.recipe.stage == "iri":
            assert artifact.recipe.inputs.keys() == {"checkpoint", "dataset"}


def test_representations_are_of_the_target_and_of_the_reference_models_iris(plan):
    planned = plan()
    for reference in planned.references:
        for target, pair in zip(planned.targets, reference.representation.parts, strict=True):
            assert pair.inputs["checkpoint"] == [target.model.checkpoint.path]
            assert pair.inputs["iris"] == [iri.path for iri in reference.iris]


@pytest.mark.parametrize("module", [inversion, representation])
def test_a_job_makes_the_parts_that_the_plan_names(plan, module):
    made = [one for one in plan().by_path.values() if one.recipe.stage == module.__name__.rpartition(".")[2]]
    assert len(made) == 8
    for artifact in made:
        jobs = module.parts_of(job_of(artifact)).values()
        assert [part.path for part in artifact.parts] == [str(job.output) for job in jobs]
        assert [part.recipe for part in artifact.parts] == [job.recipe for job in jobs]


@pytest.mark.parametrize(("size", "sizes"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4]), (9, [4])])
def test_jobs_invert_as_many_layers_and_random_seeds_as_the_experiment_says(plan, size, sizes):
    one, other = plan(), plan({"compute.inversions_per_job": size})
    for before, after in zip(one.references, other.references, strict=True):
        assert [len(inversion.parts) for inversion in after.inversions] == sizes
        assert after.iris == before.iris
        assert after.score == before.score


def test_an_index_of_representations_lists_them_by_checkpoint(plan):
    for reference in plan().references:
        jobs = representation.parts_of(job_of(reference.representation))
        assert [part.recipe.inputs["checkpoint"] for part in reference.representation.parts] == list(jobs)


def test_a_score_compares_one_reference_with_every_target(plan):
    planned = plan()
    for model, reference in zip(planned.models, planned.references, strict=True):
        assert reference.model == model
        assert reference.score.inputs["representation"] == [reference.representation.path]


def arguments_of(artifact):
    """Return what the rule of an artifact's stage passes to ``stir make``."""
    inputs = [word for role, paths in artifact.inputs.items() for word in (f"--{role}", *paths)]
    source = ["--source", *([artifact.source] if artifact.source else [])]
    return ["--device", "cuda", *inputs, *source, "--settings", artifact.settings, "--output", artifact.path]


def job_of(artifact):
    return Job.from_arguments(artifact.recipe.stage, arguments_of(artifact))


def test_a_command_tells_a_job_all_of_its_recipe(plan):
    taken = {"name": "x", "architecture": "vgg6", "width": 1, "checkpoint": 'it\'s $(one) "file".pt', "sha256": "a" * 64}
    planned = plan({"models.0": taken})
    assert job_of(planned.models[0].checkpoint).source.endswith(f"/{taken['checkpoint']}")
    for path, artifact in planned.by_path.items():
        job = job_of(artifact)
        assert (job.recipe, job.recipe.key, str(job.output), job.device_name) == (artifact.recipe, artifact.key, path, "cuda")
        assert {role: [str(name) for name in names] for role, names in job.inputs.items()} == dict(artifact.inputs)


def test_every_job_notes_its_cost_in_a_place_of_its_own(plan):
    benchmarks = [job_of(artifact).benchmark.as_posix() for artifact in plan().by_path.values()]
    assert len(set(benchmarks)) == len(benchmarks)
    assert all(name.startswith("results/benchmarks/") and name.endswith(".tsv") for name in benchmarks)


class TestClosure:
    def test_holds_everything_that_a_stage_is_made_from(self, plan):
        planned = plan()
        for stage in MADE_BY_RULES:
            closure = planned.closure(stage)
            assert set(planned.stage_paths(stage)) <= set(closure)
            inputs = {path for member in closure for path in planned.by_path[member].input_paths()}
            assert {planned.maker(path) for path in inputs} <= set(closure)
            assert len(closure) == len(set(closure))

    def test_holds_nothing_else(self, plan):
        planned = plan()
        stages = {stage: {planned.by_path[path].recipe.stage for path in planned.closure(stage)} for stage in MADE_BY_RULES}
        assert stages["checkpoint"] == {"dataset", "checkpoint"}
        assert stages["inversion"] == {"dataset", "checkpoint", "inversion"}
        assert stages["score"] == {"dataset", "checkpoint", "inversion", "representation", "score"}
        assert stages["publication"] >= {"table", "figure"} | stages["score"]

    def test_is_of_all_that_rules_make_where_no_stage_is_named(self, plan):
        planned = plan()
        assert set(planned.closure()) == {path for path, made in planned.by_path.items() if made.recipe.stage not in PARTS}


AT = {"checkpoint": 4, "evaluation": 4, "inversion": 4, "iri": 16, "pair": 56, "representation": 8} | RESULTS
ALL_BUT_THE_DATASET = {"checkpoint": 10, "evaluation": 8} | DOWNSTREAM_OF_IRI
CHANGES = [
    ({"dataset.random_seed": 1}, {"dataset": 1} | ALL_BUT_THE_DATASET),
    ({"dataset.n_test": 401}, {"dataset": 1} | ALL_BUT_THE_DATASET),
    ({"images.n_images": 200}, DOWNSTREAM_OF_IRI),
    ({"training.1.epochs": 21}, AT),
    ({"training.1.attack.eps": 0.5}, AT),
    (
        {"models.0.width": 16},
        {"checkpoint": 3, "evaluation": 2, "inversion": 2, "iri": 8, "pair": 40, "representation": 8} | RESULTS,
    ),
    (
        {"models.0.training_seeds": [0, 2]},
        {"checkpoint": 1, "evaluation": 1, "inversion": 1, "iri": 4, "pair": 17, "representation": 8} | RESULTS,
    ),
    ({"evaluation.steps": 40}, {"evaluation": 8, "table": 1, "figure": 1, "report": 1, "publication": 1}),
    ({"layers": ["stage3"]}, {"inversion": 8} | REPRESENTATION | RESULTS),
    ({"inversion.tolerance": 0.2}, DOWNSTREAM_OF_IRI),
    ({"inversion.max_iterations": 200}, DOWNSTREAM_OF_IRI),
    ({"inversion.batch_size": 100}, DOWNSTREAM_OF_IRI),
    ({"inversion.method": "normalised_gradient"}, DOWNSTREAM_OF_IRI),
    ({"inversion.seed_images": "uniform_noise"}, DOWNSTREAM_OF_IRI),
    ({"inversion.random_seeds": [0, 1, 2]}, DOWNSTREAM_OF_IRI | {"inversion": 16, "iri": 16}),
    ({"inversion.minimum_converged_fraction": 0.5}, RESULTS),
    ({"representations.basis": "joint"}, REPRESENTATION | RESULTS),
    ({"similarity_measures": ["linear_cka"]}, RESULTS),
    ({"compute.threads": 2}, ALL_BUT_THE_DATASET),
    ({"compute.batch_size": 30}, {"evaluation": 8} | REPRESENTATION | RESULTS),
    ({"compute.inversions_per_job": 3}, {"inversion": 16}),
    ({"models.0.name": "renamed"}, {"table": 1, "figure": 1, "report": 1, "publication": 1}),
    ({"training.1.name": "renamed", "models.2.training": "renamed", "models.3.training": "renamed"}, {}),
    ({"description": "Anything else?"}, {"report": 1, "publication": 1}),
    ({}, {}),
]


@pytest.mark.parametrize(("changes", "affected"), CHANGES, ids=[str(changes) for changes, _ in CHANGES])
def test_a_change_reaches_what_it_affects_and_no_more(plan, changes, affected):
    assert changed(plan(), plan(changes)) == affected


def test_every_number_of_the_experiment_reaches_a_key(plan, quickstart):
    """No setting can be changed without an effect, whatever is added to the file."""
    for section in ("dataset", "images", "evaluation", "inversion", "compute"):
        for key, value in quickstart[section].items():
            if isinstance(value, int | float) and key != "inversions_per_job":
                other = not value if isinstance(value, bool) else value / 2 if isinstance(value, float) else value + 1
                assert changed(plan(), plan({f"{section}.{key}": other})), f"{section}.{key}"
    for key, value in quickstart["training"][1].items():
        if isinstance(value, int | float):
            other = value / 2 if isinstance(value, float) else value + 1
            assert changed(plan(), plan({f"training.1.{key}": other})), f"training.{key}"


def test_order_within_the_file_does_not_matter(plan, quickstart):
    def turned(value):
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    content = turned(quickstart)
    content["training"] = [turned(recipe) for recipe in reversed(content["training"])]
    content["models"] = [turned(model) for model in content["models"]]
    assert plan(content=content).paths() == plan().paths()


def test_one_number_written_two_ways_is_one_key(plan):
    assert plan({"evaluation.eps": 1, "training.1.attack.eps": 1}).paths() == plan({"evaluation.eps": 1.0}).paths()
    assert plan({"inversion.tolerance": 1}).paths() == plan({"inversion.tolerance": 1.0}).paths()


def test_experiments_share_what_they_have_in_common(plan, quickstart):
    fewer = plan(content=edited(quickstart, {"models": quickstart["models"][1:3]}), name="fewer")
    assert changed(plan(), fewer) == {"representation": 4} | RESULTS | {"score": 4}


def test_a_name_for_the_experiment_changes_tables_and_figures_only(plan):
    assert changed(plan(), plan(name="another")) == {"table": 1, "figure": 1, "report": 1, "publication": 1}


def test_a_model_added_adds_its_own_and_leaves_the_others_alone(plan, quickstart):
    more = [*quickstart["models"], quickstart["models"][0] | {"name": "wide", "width": 9, "training_seeds": [0]}]
    expected = {
        "checkpoint": 2,
        "evaluation": 1,
        "inversion": 1,
        "iri": 4,
        "pair": 28,
        "representation": 9,
        "score": 9,
        "table": 1,
        "figure": 1,
        "report": 1,
        "publication": 1,
    }
    assert changed(plan(), plan({"models": more})) == expected


def test_a_raised_version_renames_its_stage_and_what_follows(plan, monkeypatch):
    before = plan()
    monkeypatch.setitem(STAGES, "iri", replace(STAGES["iri"], version=STAGES["iri"].version + 1))
    assert changed(before, plan()) == {stage: count for stage, count in DOWNSTREAM_OF_IRI.items() if stage != "inversion"}


def test_a_taken_checkpoint_is_named_by_its_content_not_by_its_path(plan, quickstart):
    taken = {"name": "taken", "architecture": "resnet8", "width": 8, "checkpoint": "here.pt", "sha256": "a" * 64}
    here, there, other, capitals, average = (
        plan({"models": [*quickstart["models"], taken | change]})
        for change in (
            *({}, {"checkpoint": "https://example.org/there.pt"}, {"sha256": "b" * 64}, {"sha256": "A" * 64}, {"entry": "ema"}),
        )
    )
    assert here.paths() == there.paths() == capitals.paths()
    assert changed(here, other)["checkpoint"] == changed(here, average)["checkpoint"] == 1
    (model,) = [model for model in here.models if model.name == "taken"]
    assert model.checkpoint.source.endswith("/here.pt")
    assert job_of(model.checkpoint).source.endswith("/here.pt")


def test_a_normalisation_renames_a_model_unless_it_is_the_usual_one(plan, quickstart):
    taken = {"name": "taken", "architecture": "torchvision.resnet18", "checkpoint": "here.pt", "sha256": "a" * 64}
    usual, said, none, numbers = (
        plan({"models": [*quickstart["models"], taken | change]})
        for change in (
            {},
            {"normalisation": "published"},
            {"normalisation": "none"},
            {"normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]}},
        )
    )
    assert usual.paths() == said.paths()
    assert changed(usual, none)["checkpoint"] == changed(none, numbers)["checkpoint"] == 2, "its own and the untrained one"
    (model,) = [model for model in numbers.models if model.name == "taken"]
    architecture = job_of(model.checkpoint).settings["architecture"]
    assert architecture["normalisation"] == {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


def test_planning_imports_nothing_heavy(plan):
    code = (
        "import json, sys; from pathlib import Path; "
        "from stir_workflow.planning.loading import load_experiment; from stir_workflow.planning.plan import Plan; "
        f"plan = Plan('q', load_experiment(Path({str(QUICKSTART)!r}))); "
        "heavy = [name for name in ('torch', 'pandas', 'h5py', 'matplotlib', 'sklearn') if name in sys.modules]; "
        "print(json.dumps([len(plan.paths()), heavy]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [len(plan().paths()), []]


def test_two_plans_of_one_experiment_are_equal(plan):
    assert plan().by_path == plan().by_path
    assert isinstance(plan(), Plan)
