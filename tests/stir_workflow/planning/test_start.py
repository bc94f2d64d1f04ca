"""The Snakefile's first step: the user's process checks everything, and a job's process repeats no check."""

import pytest

from stir_workflow.planning.loading import ExperimentError
from stir_workflow.planning.start import start
from stir_workflow.store.facts import PARTS
from tests.experiment_files import edited, read_yaml, write_yaml
from tests.stir_workflow.sealed import flip_a_bit


@pytest.fixture
def config(tmp_path, monkeypatch, quickstart):
    monkeypatch.chdir(tmp_path)
    return {"experiment": str(write_yaml(tmp_path / "mine.yaml", quickstart))}


def test_it_plans_the_experiment_that_is_named(config):
    assert start(config, main_process=True).name == "mine"
    assert start({}, main_process=True).name == "quickstart"


@pytest.mark.parametrize("key", ["experimnt", "Experiment", "devise", "cores"])
def test_an_unknown_configuration_key_is_refused(config, key):
    with pytest.raises(ExperimentError, match=f"--config: unknown key '{key}'. .*('experiment'|'device'|'scale')"):
        start(config | {key: "x"}, main_process=False)


def test_a_device_is_a_text(config):
    with pytest.raises(ExperimentError, match="--config: expected device as a text; got"):
        start(config | {"device": ["cpu"]}, main_process=False)


@pytest.mark.parametrize("key", ["experiment", "scale"])
@pytest.mark.parametrize(
    "value", [{"a": "b"}, ["a"], "a\n", "$(touch PWNED)", "../../x", "a\0.yaml", "a" * 5000 + ".yaml", True, 1.5]
)
def test_a_configured_value_that_names_nothing_is_refused_on_one_line(config, key, value):
    with pytest.raises(ExperimentError) as refused:
        start(config | {key: value}, main_process=True)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 1000


def test_meaning_is_checked_by_the_users_process_only(config, tmp_path, quickstart):
    write_yaml(tmp_path / "mine.yaml", edited(quickstart, {"inversion.method": "lbgfs"}))
    start(config, main_process=False)
    with pytest.raises(ExperimentError, match="Did you mean 'lbfgs'"):
        start(config, main_process=True)


def test_bad_artifacts_are_set_aside_by_the_users_process_only(config, tmp_path, capsys):
    plan = start(config, main_process=False)
    artifact = plan.datasets["digits"]
    path = tmp_path / artifact.path
    path.parent.mkdir(parents=True)
    from stir_workflow.store.artifacts import sealing

    with sealing(path, artifact.recipe) as temporary:
        temporary.write_bytes(b"x" * 200)
    start(config, main_process=True)
    flip_a_bit(path)
    start(config, main_process=False)
    assert path.exists()
    assert capsys.readouterr().err == ""
    start(config, main_process=True)
    assert not path.exists()
    assert "moved to" in capsys.readouterr().err


class TestSeveral:
    @pytest.fixture
    def other(self, tmp_path, quickstart):
        """A file that asks the same of half of the models, with a scale of more images."""
        scales = {"small": {}, "more": {"images": {"n_images": 350}}}
        content = quickstart | {"models": quickstart["models"][:2], "scale": "small", "scales": scales}
        return write_yaml(tmp_path / "other.yaml", content)

    def test_experiments_are_planned_together_and_share_what_they_have_in_common(self, config, other):
        both = start({"experiment": f"{config['experiment']}, {other}"}, main_process=True)
        apart = [start({"experiment": name}, main_process=False) for name in (config["experiment"], str(other))]
        assert set(both.by_path) == {path for plan in apart for path in plan.by_path}
        assert len(both.by_path) < sum(len(plan.by_path) for plan in apart)
        assert len(both.stage_paths("table")) == len(both.stage_paths("publication")) == 2
        assert set(both.closure()) == {path for path, made in both.by_path.items() if made.recipe.stage not in PARTS}

    def test_an_experiment_that_is_named_twice_is_run_once(self, config):
        assert start({"experiment": f"{config['experiment']},{config['experiment']}"}, main_process=False).name == "mine"

    def test_two_files_of_one_name_are_refused(self, config, tmp_path, quickstart):
        (tmp_path / "folder").mkdir()
        path = write_yaml(tmp_path / "folder" / "mine.yaml", quickstart)
        with pytest.raises(ExperimentError, match=r"mine\.yaml and .*folder/mine\.yaml would both write the tables 'mine'"):
            start({"experiment": f"{config['experiment']},{path}"}, main_process=False)

    def test_a_folder_may_have_commas_and_blanks_in_its_name_and_a_file_blanks(self, config, tmp_path, quickstart):
        folder = tmp_path / "my folder, 2"
        folder.mkdir()
        path = write_yaml(folder / "a b.yaml", quickstart)
        assert start({"experiment": str(path)}, main_process=False).name == "a_b"
        same = write_yaml(tmp_path / "a_b.yaml", quickstart)
        with pytest.raises(ExperimentError, match="would both write the tables 'a_b'"):
            start({"experiment": f"{same},{write_yaml(tmp_path / 'a b.yaml', quickstart)}"}, main_process=False)

    def test_each_one_that_is_named_must_exist(self, config):
        with pytest.raises(ExperimentError, match=r"Unknown experiment 'defenses'\. Did you mean 'defences'"):
            start({"experiment": "random_init,defenses"}, main_process=False)

    def test_meaning_is_checked_of_every_one(self, config, tmp_path, quickstart):
        path = write_yaml(tmp_path / "wrong.yaml", edited(quickstart, {"inversion.method": "lbgfs"}))
        with pytest.raises(ExperimentError, match=r"wrong\.yaml: inversion\.method: .*Did you mean 'lbfgs'"):
            start({"experiment": f"{config['experiment']},{path}"}, main_process=True)

    def test_a_scale_is_chosen_and_named(self, other):
        assert start({"experiment": str(other)}, main_process=False).name == "other"
        more = start({"experiment": str(other), "scale": "more"}, main_process=True)
        assert more.name == "other-more"
        assert all("other-more-" in path for path in more.stage_paths("table"))
        with pytest.raises(ExperimentError, match=r"Unknown scale 'moar'\. Did you mean 'more'"):
            start({"experiment": str(other), "scale": "moar"}, main_process=False)

    def test_meaning_is_checked_at_that_scale(self, other):
        write_yaml(other, edited(read_yaml(other), {"scales.more.images.n_images": 3500}))
        start({"experiment": str(other)}, main_process=True)
        with pytest.raises(ExperimentError, match=r"scales\.more\.images\.n_images: expected at most the 400"):
            start({"experiment": str(other), "scale": "more"}, main_process=True)
