"""A sensitivity study: each variant differs in one setting, and what does not depend on that setting is shared."""

import pytest

from stir.errors import InvalidInputError
from stir.seed_images import SEED_IMAGES
from stir_workflow.planning.loading import ExperimentError
from stir_workflow.planning.start import start
from stir_workflow.planning.study import Study
from stir_workflow.planning.variants import SETTINGS, settings_to_vary, variants_of
from tests.experiment_files import edited, write_yaml

IRI, REPRESENTED = {"iri": 32}, {"pair": 64, "representation": 8}
TABLE = {"score": 8, "table": 1}


@pytest.fixture
def study(plan):
    def study_with(*vary, **named):
        planned = plan({"sensitivity": named} if named else {})
        return Study(planned, variants_of(planned.experiment, vary))

    return study_with


def made_by(study, number):
    """Return stage -> number of artifacts that a variant adds to those of the experiment, up to its table."""
    _, planned = study.plans[number]
    added = [planned.by_path[path].recipe.stage for path in planned.closure("table") if path not in study.base.by_path]
    return {stage: added.count(stage) for stage in dict.fromkeys(sorted(added))}


@pytest.mark.parametrize("setting", ["tolerance", "seed_images", "method"])
def test_an_inversion_setting_makes_inversions_and_nothing_before_them(study, setting):
    assert made_by(study(setting), 0) == {"inversion": 8, "representation": 8} | TABLE


def test_fewer_images_are_scored_from_the_inversions_that_exist(study):
    fewer = study("n_images")
    assert [variant.value for variant, _ in fewer.plans] == [150, 75]
    assert made_by(fewer, 0) == TABLE
    assert fewer.plans[0][1].references[0].score.recipe.settings["n_images"] == 150


def test_the_defaults_follow_from_the_experiment(study):
    values = {}
    for variant, _ in study().plans:
        values.setdefault(variant.setting, []).append(variant.text)
    assert values == {
        "tolerance": ["0.15", "0.2"],
        "n_images": ["150", "75"],
        "seed_images": [kind for kind in SEED_IMAGES if kind != "normal_noise"],
        "method": ["lbfgs_adam", "normalised_gradient"],
        "pooling": ["global_average", "global_max"],
    }


def test_a_pooling_changes_the_layers_that_it_makes_a_difference_to(study):
    """The penultimate layer has one position, and no token of a class."""
    ((variant, planned),) = study("pooling", pooling=["global_average"]).plans
    stage3 = {"label": "stage3", "layer": "stage3", "pooling": "global_average"}
    assert variant.experiment["layers"] == [stage3, "penultimate"]
    assert made_by(study("pooling", pooling=["global_average"]), 0)["inversion"] == 8
    assert planned.models[0].layers[0].pooling == "global_average"


def test_layers_by_architecture_are_pooled_and_unpooled(plan):
    by = {"label": "early", "by_architecture": {"resnet8": {"layer": "stage2", "pooling": "global_max"}, "vgg6": "stage2"}}
    (variant, *_) = variants_of(plan({"layers": [by], "sensitivity": {"pooling": ["flatten"]}}).experiment, ["pooling"])
    assert variant.experiment["layers"][0]["by_architecture"] == {"resnet8": {"layer": "stage2"}, "vgg6": "stage2"}
    assert variant.experiment["layers"][0]["pooling"] == "flatten"


def test_another_method_is_run_by_the_true_gradient(plan):
    experiment = plan({"inversion.method": "normalised_gradient", "inversion.fake_last_relu": True}).experiment
    found = variants_of(experiment, ["method"])
    assert [(variant.value, variant.experiment["inversion"]["fake_last_relu"]) for variant in found] == [
        ("lbfgs", False),
        ("lbfgs_adam", False),
    ]


def test_a_file_names_its_own_values_and_an_empty_list_leaves_a_setting_alone(study):
    named = study(tolerance=[0.3], n_images=[], seed_images=[], method=[], pooling=[])
    assert [(variant.setting, variant.value) for variant, _ in named.plans] == [("tolerance", 0.3)]


def test_a_variant_that_does_not_converge_is_shown_and_not_refused(study):
    _, planned = study("tolerance").plans[0]
    assert planned.references[0].score.recipe.settings["minimum_converged_fraction"] == 0.0


def test_the_sensitivity_of_an_experiment_is_part_of_none_of_its_keys(plan):
    assert plan().paths() == plan({"sensitivity": {"tolerance": [0.3]}}).paths()


def test_a_study_is_made_from_the_tables_of_all(study):
    planned = study("tolerance")
    assert planned.study.inputs["tables"] == [planned.base.table.path, *(variant.table.path for _, variant in planned.plans)]
    assert planned.publication.inputs == {"sensitivity": [planned.study.path]}
    assert planned.study.recipe.settings["own"] == {"tolerance": "0.1"}


def test_what_is_to_be_made_is_counted_once(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    header, experiment, looser, _, fewer, _ = study("tolerance", "n_images").counts()
    assert header == ("to make", "checkpoint", "iri", "pair", "score")
    assert experiment == ("experiment", "10 of 10", "32 of 32", "80 of 80", "8 of 8")
    assert looser == ("tolerance 0.15", "0 of 10", "32 of 32", "80 of 80", "8 of 8")
    assert fewer == ("n_images 150", "0 of 10", "0 of 32", "0 of 80", "8 of 8")


WRONG = (
    ({"tolerance": [0.1]}, "sensitivity.tolerance: expected other values than the experiment's own; got 0.1"),
    ({"n_images": [301]}, "sensitivity.n_images: 301: images.n_scored: expected at most the 300 images"),
    ({"n_images": [8]}, "sensitivity.n_images: 8: similarity_measures: 'mutual_knn' takes at least 12 images; 8 are scored"),
    ({"seed_images": ["blak"]}, "sensitivity.seed_images: 'blak': inversion.seed_images: unknown 'blak'. Did you mean 'black'"),
    ({"method": ["lbgfs"]}, "sensitivity.method: 'lbgfs': inversion.method: unknown 'lbgfs'. Did you mean 'lbfgs'"),
    ({"pooling": ["class_token"]}, "sensitivity.pooling: expected a value that changes a layer and that every model takes"),
    ({setting: [] for setting in SETTINGS}, "sensitivity: expected a value that fits the experiment and is not its own"),
)


@pytest.mark.parametrize(("named", "said"), WRONG)
def test_values_that_cannot_be_varied_are_refused_by_file_and_key(tmp_path, monkeypatch, quickstart, named, said):
    monkeypatch.chdir(tmp_path)
    path = write_yaml(tmp_path / "mine.yaml", edited(quickstart, {"sensitivity": named}))
    with pytest.raises(ExperimentError) as refused:
        start({"experiment": str(path), "vary": ",".join(named)}, main_process=False)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path}: {said}")


def test_an_unknown_pooling_is_refused_with_near_matches(plan):
    with pytest.raises(InvalidInputError, match=r"global_averge.*Did you mean 'global_average'"):
        variants_of(plan({"sensitivity": {"pooling": ["global_averge"]}}).experiment, ["pooling"])


def test_settings_are_named_by_their_beginnings():
    assert settings_to_vary("all") == list(SETTINGS)
    assert settings_to_vary("n, tol") == ["tolerance", "n_images"]
    for wrong in ("", "x", "tolerance,,n", "toleranse"):
        with pytest.raises(InvalidInputError, match="of tolerance, n_images"):
            settings_to_vary(wrong)


def test_a_name_that_is_too_long_for_a_study_is_refused(plan):
    planned = plan(name="a" * 60)
    with pytest.raises(InvalidInputError, match="at most 64 characters for the study"):
        Study(planned, variants_of(planned.experiment, ["tolerance"]))
