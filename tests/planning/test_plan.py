"""A plan names every artifact by what determines it; a change reaches what it affects and no more."""

import json
import subprocess
import sys

import pytest

import stir.stages.iri
from planning.plan import Plan
from stir.stages import STAGES
from stir.stages.job import Job
from tests.experiment_files import QUICKSTART, ROOT, edited

DOWNSTREAM_OF_IRI = {"iri": 32, "representation": 64, "score": 8, "table": 1, "figure": 1, "publication": 1}


def changed(before, after):
    """Return stage -> number of artifacts of ``after`` that ``before`` does not have."""
    new = [artifact.recipe.stage for path, artifact in after.by_path.items() if path not in before.by_path]
    return {stage: new.count(stage) for stage in STAGES if stage in new}


def test_the_quickstart_has_an_artifact_for_each_thing_to_make(plan):
    counts = {stage: len(plan().stage_paths(stage)) for stage in STAGES}
    expected = {
        "dataset": 1,
        "checkpoint": 8,
        "evaluation": 8,
        "iri": 32,
        "representation": 64,
        "score": 8,
        "table": 1,
        "figure": 1,
        "publication": 1,
    }
    assert counts == expected
    assert len(plan().paths()) == sum(expected.values()) == len(set(plan().paths()))


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
        for target, pair in zip(planned.models, reference.representations, strict=True):
            assert pair.inputs["checkpoint"] == [target.checkpoint.path]
            assert pair.inputs["iris"] == [iri.path for iri in reference.iris]


def test_a_score_compares_one_reference_with_every_target(plan):
    planned = plan()
    for number, (model, reference) in enumerate(zip(planned.models, planned.references, strict=True)):
        assert reference.model == model
        pairs = [pair.path for pair in reference.representations]
        assert reference.score.inputs["representations"] == pairs
        assert reference.score.inputs["reference"] == [pairs[number]]


def test_an_order_tells_a_job_all_of_its_recipe(plan):
    taken = {"name": "x", "architecture": "vgg6", "width": 1, "checkpoint": 'it\'s $(one) "file".pt', "sha256": "a" * 64}
    planned = plan({"models.0": taken})
    assert Job.from_order(planned.models[0].checkpoint.order("cpu")).source == taken["checkpoint"]
    for path, artifact in planned.by_path.items():
        order = artifact.order("cuda")
        assert "\n" not in order, "a shell reads it as one line"
        job = Job.from_order(order)
        assert (job.recipe.key, str(job.output), job.device_name) == (artifact.key, path, "cuda")
        assert {role: [str(name) for name in names] for role, names in job.inputs.items()} == dict(artifact.inputs)


def test_every_job_notes_its_cost_in_a_place_of_its_own(plan):
    benchmarks = [artifact.benchmark for artifact in plan().by_path.values()]
    assert len(set(benchmarks)) == len(benchmarks)
    assert all(name.startswith("results/benchmarks/") and name.endswith(".tsv") for name in benchmarks)


class TestClosure:
    def test_holds_everything_that_a_stage_is_made_from(self, plan):
        planned = plan()
        for stage in STAGES:
            closure = planned.closure(stage)
            assert set(planned.stage_paths(stage)) <= set(closure)
            assert {path for member in closure for path in planned.by_path[member].input_paths()} <= set(closure)
            assert len(closure) == len(set(closure))

    def test_holds_nothing_else(self, plan):
        planned = plan()
        stages = {stage: {planned.by_path[path].recipe.stage for path in planned.closure(stage)} for stage in STAGES}
        assert stages["checkpoint"] == {"dataset", "checkpoint"}
        assert stages["iri"] == {"dataset", "checkpoint", "iri"}
        assert stages["score"] == {"dataset", "checkpoint", "iri", "representation", "score"}
        assert stages["publication"] == set(STAGES)
        assert len(planned.closure("publication")) == len(planned.paths())


AT = {"checkpoint": 4, "evaluation": 4, "iri": 16, "representation": 48, "score": 8, "table": 1, "figure": 1, "publication": 1}
ALL_BUT_THE_DATASET = {"checkpoint": 8, "evaluation": 8} | DOWNSTREAM_OF_IRI
CHANGES = [
    ({"dataset.random_seed": 1}, {"dataset": 1} | ALL_BUT_THE_DATASET),
    ({"dataset.n_test": 401}, {"dataset": 1} | ALL_BUT_THE_DATASET),
    ({"images.n_images": 200}, DOWNSTREAM_OF_IRI),
    ({"training.1.epochs": 21}, AT),
    ({"training.1.attack.eps": 0.5}, AT),
    (
        {"models.0.width": 16},
        {"checkpoint": 2, "evaluation": 2, "iri": 8, "representation": 28, "score": 8, "table": 1, "figure": 1, "publication": 1},
    ),
    (
        {"models.0.training_seeds": [0, 2]},
        {"checkpoint": 1, "evaluation": 1, "iri": 4, "representation": 15, "score": 8, "table": 1, "figure": 1, "publication": 1},
    ),
    ({"evaluation.steps": 40}, {"evaluation": 8, "table": 1, "figure": 1, "publication": 1}),
    ({"layers": ["stage3"]}, {"representation": 64, "score": 8, "table": 1, "figure": 1, "publication": 1}),
    ({"inversion.tolerance": 0.2}, DOWNSTREAM_OF_IRI),
    ({"inversion.max_iterations": 200}, DOWNSTREAM_OF_IRI),
    ({"inversion.batch_size": 100}, DOWNSTREAM_OF_IRI),
    ({"inversion.method": "normalised_gradient"}, DOWNSTREAM_OF_IRI),
    ({"inversion.seed_images": "uniform_noise"}, DOWNSTREAM_OF_IRI),
    ({"inversion.random_seeds": [0, 1, 2]}, DOWNSTREAM_OF_IRI | {"iri": 16}),
    ({"inversion.minimum_converged_fraction": 0.5}, {"score": 8, "table": 1, "figure": 1, "publication": 1}),
    ({"representations.basis": "joint"}, {"representation": 64, "score": 8, "table": 1, "figure": 1, "publication": 1}),
    ({"similarity_measures": ["linear_cka"]}, {"score": 8, "table": 1, "figure": 1, "publication": 1}),
    ({"compute.threads": 2}, ALL_BUT_THE_DATASET),
    ({"compute.batch_size": 30}, {"evaluation": 8, "representation": 64, "score": 8, "table": 1, "figure": 1, "publication": 1}),
    ({"models.0.name": "renamed"}, {"table": 1, "figure": 1, "publication": 1}),
    ({"training.1.name": "renamed", "models.2.training": "renamed", "models.3.training": "renamed"}, {}),
    ({"description": "Anything else?"}, {}),
    ({}, {}),
]


@pytest.mark.parametrize(("changes", "affected"), CHANGES, ids=[str(changes) for changes, _ in CHANGES])
def test_a_change_reaches_what_it_affects_and_no_more(plan, changes, affected):
    assert changed(plan(), plan(changes)) == affected


def test_every_number_of_the_experiment_reaches_a_key(plan, quickstart):
    """No setting can be changed without an effect, whatever is added to the file."""
    for section in ("dataset", "images", "evaluation", "inversion", "compute"):
        for key, value in quickstart[section].items():
            if isinstance(value, int | float):
                other = value / 2 if isinstance(value, float) else value + 1
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
    assert changed(plan(), fewer) == {"score": 4, "table": 1, "figure": 1, "publication": 1}


def test_a_name_for_the_experiment_changes_tables_and_figures_only(plan):
    assert changed(plan(), plan(name="another")) == {"table": 1, "figure": 1, "publication": 1}


def test_a_model_added_adds_its_own_and_leaves_the_others_alone(plan, quickstart):
    more = [*quickstart["models"], quickstart["models"][0] | {"name": "wide", "width": 9, "training_seeds": [0]}]
    expected = {
        "checkpoint": 1,
        "evaluation": 1,
        "iri": 4,
        "representation": 17,
        "score": 9,
        "table": 1,
        "figure": 1,
        "publication": 1,
    }
    assert changed(plan(), plan({"models": more})) == expected


def test_a_raised_version_renames_its_stage_and_what_follows(plan, monkeypatch):
    before = plan()
    monkeypatch.setattr(stir.stages.iri, "VERSION", stir.stages.iri.VERSION + 1)
    assert changed(before, plan()) == DOWNSTREAM_OF_IRI


def test_a_taken_checkpoint_is_named_by_its_content_not_by_its_path(plan, quickstart):
    taken = {"name": "taken", "architecture": "resnet8", "width": 8, "checkpoint": "here.pt", "sha256": "a" * 64}
    here, there, other = (
        plan({"models": [*quickstart["models"], taken | change]})
        for change in ({}, {"checkpoint": "https://example.org/there.pt"}, {"sha256": "b" * 64})
    )
    assert here.paths() == there.paths()
    assert changed(here, other)["checkpoint"] == 1
    (model,) = [model for model in here.models if model.name == "taken"]
    assert model.checkpoint.source == "here.pt"
    assert Job.from_order(model.checkpoint.order("cpu")).source == "here.pt"


def test_planning_imports_nothing_heavy():
    code = (
        "import json, sys; from pathlib import Path; "
        "from planning.loading import load_experiment; from planning.plan import Plan; "
        f"plan = Plan('q', load_experiment(Path({str(QUICKSTART)!r}))); "
        "heavy = [name for name in ('torch', 'pandas', 'h5py', 'matplotlib', 'sklearn') if name in sys.modules]; "
        "print(json.dumps([len(plan.paths()), heavy]))"
    )
    path = f"{ROOT}:{ROOT / 'workflow'}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path})
    assert json.loads(ran.stdout) == [124, []]


def test_two_plans_of_one_experiment_are_equal(plan):
    assert plan().by_path == plan().by_path
    assert isinstance(plan(), Plan)


HALF = {"label": "half", "name": "digits", "n_test": 300, "classes": [0, 1, 2, 3, 4]}


@pytest.fixture
def several(quickstart):
    """The quickstart with a second dataset, on which one more model is trained; X comes from both."""
    more = quickstart["models"][0] | {"name": "of-half", "dataset": "half", "training_seeds": [0]}
    images = {"n_images": 300, "datasets": ["digits", "half"]}
    return quickstart | {"further_datasets": [HALF], "images": images, "models": [*quickstart["models"], more]}


class TestSeveralDatasets:
    def test_a_model_is_of_the_classes_that_it_is_trained_on_and_evaluated_on(self, plan, several):
        planned = plan(content=several)
        of_half = planned.models[-1]
        assert of_half.checkpoint.recipe.settings["architecture"]["classes"] == 5
        assert of_half.checkpoint.inputs["dataset"] == [planned.datasets["half"].path]
        assert {model.checkpoint.recipe.settings["architecture"]["classes"] for model in planned.models[:-1]} == {10}
        for model, evaluation in zip(planned.models, planned.evaluations, strict=True):
            assert evaluation.inputs == {"checkpoint": [model.checkpoint.path], "dataset": [planned.datasets[model.dataset].path]}

    def test_every_model_is_the_reference_on_the_images_of_each(self, plan, several):
        planned = plan(content=several)
        assert [reference.images for reference in planned.references] == ["digits"] * 9 + ["half"] * 9
        assert len(planned.by_path) == 2 + 9 + 9 + 2 * 9 * 4 + 2 * 81 + 18 + 3
        for reference in planned.references:
            dataset = [planned.datasets[reference.images].path]
            assert all(made.inputs["dataset"] == dataset for made in [*reference.iris, *reference.representations])
        assert planned.table.recipe.settings["images_datasets"] == [reference.images for reference in planned.references]
        assert planned.table.inputs["scores"] == [reference.score.path for reference in planned.references]
        assert planned.figure.inputs["dataset"] == [planned.datasets[label].path for label in ("digits", "half")]

    def test_tables_say_what_each_model_is_trained_on(self, plan, several):
        rows = {row["name"]: row for row in plan(content=several).table.recipe.settings["models"]}
        assert (rows["of-half-0"]["training_dataset"], rows["digits-vgg6-at-0"]["training_dataset"]) == ("half", "digits")
        assert rows["of-half-0"]["n_train"] is None
        assert rows["of-half-0"]["width"] == 8

    def test_what_needs_one_of_them_is_as_if_there_were_no_other(self, plan, several):
        more = changed(plan(content=several), plan())
        assert more == {"score": 8, "table": 1, "figure": 1, "publication": 1}

    def test_neither_where_it_lies_nor_what_it_is_called_reaches_a_key(self, plan, several):
        other = edited(several, {"further_datasets.0.label": "other", "further_datasets.0.path": "elsewhere"})
        other = edited(other, {"images.datasets": ["digits", "other"], "models.4.dataset": "other"})
        assert changed(plan(content=several), plan(content=other)) == {"table": 1, "figure": 1, "publication": 1}
        assert plan(content=other).datasets["other"].source == "elsewhere"

    def test_a_variable_of_the_environment_says_where_it_lies(self, quickstart, load):
        content = load(edited(quickstart, {"dataset": {"name": "cifar10_jpeg"}}))
        plans = [Plan("mine", content, {"STIR_CIFAR10_JPEG": place}) for place in ("here", "there")]
        assert [planned.datasets["cifar10_jpeg"].source for planned in plans] == ["here", "there"]
        assert plans[0].paths() == plans[1].paths()

    def test_names_of_files_tell_datasets_apart(self, plan, several):
        planned = plan(content=several)
        assert planned.datasets["half"].path.startswith("data/datasets/digits-classes-0-4-")
        assert planned.models[-1].slug == "digits-classes-0-4-resnet8-vanilla-0"
        of_digits, of_half = (planned.references[number].iris[0].path for number in (8, 17))
        assert "normal_noise.digits.0-" in of_digits
        assert "normal_noise.0-" in of_half


class TestLaterSettings:
    """What came later than the first results changes no key where it says what was meant before."""

    def test_values_that_were_meant_before_are_left_out(self, plan):
        meant = {"schedule": "one_cycle", "precision": "float32", "augmentation": "none", "beta": 3.0}
        changes = {f"training.{number}.{key}": value for number in (0, 1) for key, value in meant.items()}
        changes |= {"training.1.attack.random_start": False, "evaluation.random_start": False, "width": 4}
        assert changed(plan(), plan(changes)) == {}
        recipes = [model.checkpoint.recipe.settings["training"] for model in plan(changes).models]
        assert all(not {*meant, "monitor", "name"} & recipe.keys() for recipe in recipes)

    OTHERS = (
        ("schedule", "step"),
        ("precision", "bfloat16"),
        ("augmentation", "flip"),
        ("monitor", {"n_images": 10, "attack": {"norm": "l2", "eps": 1.0, "steps": 1, "step_size": 1.0}}),
    )

    @pytest.mark.parametrize(("key", "value"), OTHERS)
    def test_other_values_are_other_models(self, plan, key, value):
        assert changed(plan(), plan({f"training.1.{key}": value})) == AT

    def test_a_random_start_is_another_attack(self, plan):
        assert changed(plan(), plan({"training.1.attack.random_start": True})) == AT
        assert changed(plan(), plan({"evaluation.random_start": True}))["evaluation"] == 8

    def test_beta_is_a_setting_of_trades_and_mart(self, plan):
        for objective in ("trades", "mart"):
            before, after = (plan({"training.1.objective": objective, "training.1.beta": beta}) for beta in (5.0, 6.0))
            assert changed(before, after)["checkpoint"] == 4


def test_fewer_training_images_are_another_model(plan):
    fewer = plan({"models.0.n_train": 500})
    assert changed(plan(), fewer)["checkpoint"] == 2
    assert fewer.models[0].checkpoint.recipe.settings["n_train"] == 500
    assert fewer.models[0].slug == "digits-first-500-resnet8-vanilla-0"
    assert "n_train" not in fewer.models[2].checkpoint.recipe.settings
    assert fewer.table.recipe.settings["models"][0]["n_train"] == 500


def test_the_experiments_width_is_that_of_models_that_say_nothing_else(plan, quickstart):
    models = [{key: value for key, value in model.items() if key != "width"} for model in quickstart["models"]]
    assert changed(plan(), plan({"models": models, "width": 8})) == {}
    torchvision = plan({"models": [models[0] | {"architecture": "torchvision.resnet18"}], "width": 8})
    assert torchvision.models[0].checkpoint.recipe.settings["architecture"]["width"] is None


def test_what_torchvisions_architectures_are_called_is_known_to_the_plan():
    from planning.settings import TORCHVISION
    from stir.models.torchvision_classifiers import PREFIX

    assert TORCHVISION == PREFIX


class TestSeveralAttacks:
    def test_every_model_is_evaluated_with_each_the_first_as_if_alone(self, plan, quickstart):
        first, other = quickstart["evaluation"], quickstart["evaluation"] | {"eps": 2.0}
        planned = plan({"evaluation": [first, other]})
        assert changed(plan(), planned) == {"evaluation": 8, "table": 1, "figure": 1, "publication": 1}
        assert planned.table.inputs["evaluations"] == [made.path for made in planned.evaluations]
        eps = [made.recipe.settings["attack"]["eps"] for made in planned.evaluations]
        assert eps == [1.0, 2.0] * 8
        assert changed(plan(), plan({"evaluation": [first]})) == {}


EARLY = {"label": "early", "by_architecture": {"resnet8": "stage1", "vgg6": "stage2"}}


class TestLayersByArchitecture:
    def test_iris_and_representations_are_of_each_models_own_layer(self, plan):
        planned = plan({"layers": [EARLY, "penultimate"]})
        residual, vgg = planned.references[0], planned.references[2]
        assert [iri.recipe.settings["layer"] for iri in residual.iris] == ["stage1", "stage1", "penultimate", "penultimate"]
        assert [iri.recipe.settings["layer"] for iri in vgg.iris][:2] == ["stage2", "stage2"]
        same, other = residual.representations[0].recipe.settings, residual.representations[2].recipe.settings
        assert (same["layers"], same.get("target_layers")) == (["stage1", "penultimate"], None)
        assert (other["layers"], other["target_layers"]) == (["stage1", "penultimate"], ["stage2", "penultimate"])

    def test_figures_call_it_by_its_label(self, plan):
        settings = plan({"layers": [EARLY, "penultimate"]}).figure.recipe.settings
        assert settings["layers"] == ["early", "penultimate"]
        assert {iri["layer"] for iri in settings["iris"]} == {"early", "penultimate"}

    def test_one_name_everywhere_is_as_if_given_as_a_name(self, plan):
        everywhere = {"label": "last", "by_architecture": {"resnet8": "stage3", "vgg6": "stage3"}}
        assert changed(plan(), plan({"layers": [everywhere, "penultimate"]})) == {"figure": 1, "publication": 1}
