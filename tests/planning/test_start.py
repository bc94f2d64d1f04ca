"""The Snakefile's first step: the user's process checks everything, a job's process nothing anew."""

import pytest

from planning.loading import ExperimentError
from planning.start import start
from tests.experiment_files import edited, write_yaml
from tests.stir.sealed import flip_a_bit


@pytest.fixture
def config(tmp_path, monkeypatch, quickstart):
    monkeypatch.chdir(tmp_path)
    return {"experiment": str(write_yaml(tmp_path / "mine.yaml", quickstart))}


def test_it_plans_the_experiment_that_is_named(config):
    assert start(config, main_process=True).name == "mine"
    assert start({}, main_process=True).name == "quickstart"


@pytest.mark.parametrize("key", ["experimnt", "Experiment", "devise", "cores"])
def test_an_unknown_configuration_key_is_refused(config, key):
    with pytest.raises(ExperimentError, match=f"--config: unknown key '{key}'. .*('experiment'|'device')"):
        start(config | {key: "x"}, main_process=False)


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
    from stir.artifacts import sealing

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
