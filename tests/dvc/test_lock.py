"""dvc.yaml names all that a key may depend on, and dvc.lock was made from what is in git."""

import ast

import pytest

from stir_workflow.stages import STAGES, stage_module
from tests.experiment_files import ROOT, read_yaml

EXPERIMENT = "workflow/experiments/quickstart.yaml"
PACKAGE = "workflow/stir_workflow"
(ASKED,) = read_yaml(ROOT / "dvc.yaml")["stages"].values()
(LOCKED,) = read_yaml(ROOT / "dvc.lock")["stages"].values()
PARAMS = {file: keys for param in ASKED["params"] for file, keys in param.items()}
SAY = "run `dvc repro`, and commit dvc.lock"


def value_of(file, key):
    """Return what a file in git says of a parameter."""
    if file.endswith(".py"):
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        (value,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == key]
        return ast.literal_eval(value)
    return read_yaml(ROOT / file)[key]


def test_the_lock_is_of_what_is_in_git():
    """Fails whenever dvc.yaml, the quickstart's settings or a version changed."""
    assert LOCKED["cmd"] == ASKED["cmd"], SAY
    assert LOCKED["params"].keys() == PARAMS.keys(), SAY
    assert [out["path"] for out in LOCKED["outs"]] == sorted(path for out in ASKED["outs"] for path in out), SAY


@pytest.mark.parametrize("file", PARAMS)
def test_the_parameters_of_the_lock_are_those_in_git(file):
    assert LOCKED["params"][file] == {key: value_of(file, key) for key in PARAMS[file]}, f"{file} changed: {SAY}"


def test_the_versions_of_the_plan_and_of_every_stage_are_parameters():
    files = [file for file, keys in PARAMS.items() if keys == ["VERSION"]]
    assert sorted(files) == sorted([f"{PACKAGE}/planning/plan.py", *(f"{PACKAGE}/stages/{stage}.py" for stage in STAGES)])


def test_every_setting_is_a_parameter():
    assert set(PARAMS[EXPERIMENT]) == set(read_yaml(ROOT / EXPERIMENT)) - {"description"}


def test_the_folder_of_every_stage_is_an_output_and_is_kept_when_the_stage_runs_again():
    outs = {path: options for out in ASKED["outs"] for path, options in out.items()}
    assert outs == {stage_module(stage).FOLDER: {"persist": True} for stage in STAGES}
