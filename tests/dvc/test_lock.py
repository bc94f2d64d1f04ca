"""dvc.yaml names everything that keys depend on, and dvc.lock matches the files in git."""

import hashlib

from stir_workflow.store.facts import EXTRA, STAGES
from tests.experiment_files import ROOT, read_yaml

EXPERIMENT = "workflow/experiments/quickstart.yaml"
KEYS = "tests/regression/keys.json"
(ASKED,) = read_yaml(ROOT / "dvc.yaml")["stages"].values()
(LOCKED,) = read_yaml(ROOT / "dvc.lock")["stages"].values()
PARAMS = {file: keys for param in ASKED["params"] for file, keys in param.items()}
SAY = "run `dvc repro`, and commit dvc.lock"


def test_the_lock_is_of_what_is_in_git():
    """Fails whenever dvc.yaml, the quickstart's settings or the keys changed."""
    assert LOCKED["cmd"] == ASKED["cmd"], SAY
    settings = read_yaml(ROOT / EXPERIMENT)
    assert LOCKED["params"] == {EXPERIMENT: {key: settings[key] for key in PARAMS[EXPERIMENT]}}, SAY
    (keys,) = LOCKED["deps"]
    assert (keys["path"], keys["md5"]) == (KEYS, hashlib.md5((ROOT / KEYS).read_bytes()).hexdigest()), SAY
    assert [out["path"] for out in LOCKED["outs"]] == sorted(path for out in ASKED["outs"] for path in out), SAY


def test_every_setting_and_the_keys_are_asked_for():
    assert set(PARAMS[EXPERIMENT]) == set(read_yaml(ROOT / EXPERIMENT))
    assert ASKED["deps"] == [KEYS]


def test_the_folder_of_every_stage_is_an_output_and_is_kept_when_the_stage_runs_again():
    outs = {path: options for out in ASKED["outs"] for path, options in out.items()}
    assert outs == {facts.folder: {"persist": True} for stage, facts in STAGES.items() if stage not in EXTRA}
