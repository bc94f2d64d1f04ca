"""What a plan will write lies inside data/ and results/, has a name that file systems take, and is no other experiment's."""

import pytest

from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.published import check_published, origin, path_problems, published_files
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.publication import publish
from stir_workflow.store.stamps import keyed_folder, stamp
from tests.experiment_files import edited, read_yaml, write_yaml

OWN = {"format": "folder", "path": "scans", "image_shape": [1, 8, 8], "n_classes": 10, "fingerprint": "0" * 64, "n_test": 300}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def planned(project, quickstart):
    """Plan the quickstart with changes under a name; return the file and the plan."""

    def plan_of(name, changes=None):
        path = write_yaml(project / f"{name}.yaml", edited(quickstart, changes or {}))
        return path, Plan(name, load_experiment(path), origin=origin(path))

    return plan_of


def check(*planned):
    check_published([plan for _, plan in planned], [path for path, _ in planned], None)


def test_good_names_pass(planned):
    check(planned("mine"), planned("mine-wide"))


def test_figures_are_known_by_their_names(planned):
    _, plan = planned("mine", {"figures": ["heatmaps", "images", "bars"], "similarity_measures": ["linear_cka"]})
    figures = {path.name for path in published_files(plan) if path.suffix == ".png"}
    layers = ("stage3", "penultimate")
    assert figures == {"mine-bars-linear_cka.png"} | {
        f"mine-{layer}-{what}.png" for layer in layers for what in ("linear_cka", "images")
    }


@pytest.mark.parametrize(
    ("name", "changes", "place"),
    [
        (
            "n" * 64,
            {
                "layers": ["l" * 63],
                "further_datasets": [{"name": "scans", "label": "e" * 64, **OWN}],
                "images.datasets": ["digits", "e" * 64],
            },
            r"further_datasets\[0\]\.label",
        ),
        (
            "n" * 64,
            {
                "layers": ["l" * 64],
                "similarity_measures": ["c" * 64],
                "figures": ["heatmaps"],
            },
            r"layers\[0\]",
        ),
        (
            "mine",
            {"further_datasets": [{"name": "e" * 64, **OWN}], "images.datasets": ["e" * 64], "inversion.method": "m" * 64}
            | {"layers": ["l" * 60]},
            r"further_datasets\[0\]\.name",
        ),
    ],
)
def test_a_file_name_that_is_too_long_is_refused_with_file_and_key(planned, name, changes, place):
    expected = rf"{name}\.yaml: {place}: expected names of which file names of at most 191 bytes can be made; got (19|2\d)\d"
    with pytest.raises(ExperimentError, match=expected):
        check(planned(name, changes))


def test_a_folder_that_leads_out_is_refused(project, planned, tmp_path_factory):
    (project / "results").mkdir()
    (project / "results" / "iris").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(
        ExperimentError, match=r"mine\.yaml: the file: Expected a path inside data/ or results/; got 'results/iris"
    ):
        check(planned("mine"))


def test_two_figures_of_one_name_are_refused(planned):
    layers = ["bars", {"label": "x", "by_architecture": {"resnet8": "stage3", "vgg6": "stage3"}}]
    _, plan = planned("mine", {"layers": layers, "figures": ["heatmaps", "bars"]})
    assert any("got 2 named 'mine-bars-linear_cka.png'" in problem for problem in path_problems(plan))


def test_two_experiments_whose_figures_would_have_one_name_are_refused(planned):
    further = {"further_datasets": [{"name": "digits", "label": "b", "n_test": 300}], "images.datasets": ["digits", "b"]}
    with pytest.raises(ExperimentError, match=r"a\.yaml and .*a-b\.yaml would both write results/figures/a-b-stage3-"):
        check(planned("a", further), planned("a-b"))


def publish_as(path, plan):
    """Publish a table as an experiment would, without the work."""
    table, figure, publication = plan.table, plan.figure, plan.publication
    made = []
    for artifact, name in ((table, f"{plan.name}.csv"), (figure, f"{plan.name}-stage3-images.png")):
        place = path.parent / artifact.path
        keyed_folder(place).mkdir(parents=True)
        (keyed_folder(place) / name).write_text(artifact.key)
        stamp(place, artifact.recipe, [keyed_folder(place) / name])
        made.append(place)
    publish(path.parent / publication.path, publication.recipe, made, publication.source)


def test_what_another_file_has_published_is_not_replaced(project, planned):
    first = planned("mine")
    publish_as(*first)
    check(planned("mine", {"images.n_images": 200}))  # the same file with other settings
    (project / "folder").mkdir()
    path = (project / "mine.yaml").rename(project / "folder" / "mine.yaml")
    second = Plan("mine", load_experiment(path, None), origin=origin(path))
    check((path, second))  # it was moved
    other = planned("mine", {"images.n_images": 100})
    check(other)
    publish_as(*other)
    changed = Plan(
        "mine", load_experiment(write_yaml(path, edited(read_yaml(path), {"images.n_images": 50}))), origin=origin(path)
    )
    with pytest.raises(
        ExperimentError, match=r"figures/mine-.*, which the experiment 'mine' of mine\.yaml has published; rename"
    ):
        check((path, changed))


def test_a_scale_of_one_experiment_does_not_replace_another_of_that_name(project, planned, quickstart):
    publish_as(*planned("a-b"))
    path = write_yaml(project / "a.yaml", quickstart | {"scale": "c", "scales": {"b": {"images": {"n_images": 50}}, "c": {}}})
    plan = Plan("a-b", load_experiment(path, "b"), origin=origin(path))
    with pytest.raises(ExperimentError, match=r"a\.yaml: Expected .* which the experiment 'a-b' of a-b\.yaml has published"):
        check_published([plan], [path], "b")


def test_an_origin_does_not_change_a_key(planned, project, quickstart):
    path, plan = planned("mine")
    without = Plan("mine", load_experiment(path))
    assert without.publication.recipe == plan.publication.recipe
    assert plan.publication.source == "mine.yaml"
    with sealing(project / plan.publication.path, plan.publication.recipe, origin="x") as temporary:
        temporary.write_text("{}")
