"""dvc.yaml names all that a key may depend on, and dvc.lock was made from what is in git."""

import ast
import hashlib
import re
import subprocess
import sys

import pytest

from stir_workflow.stages import STAGES
from tests.experiment_files import ROOT, read_yaml

PIPELINE = read_yaml(ROOT / "dvc.yaml")
LOCK = read_yaml(ROOT / "dvc.lock")["stages"]
VARIABLES = {name: value for variable in PIPELINE["vars"] for name, value in variable.items()}
SAY = "run `dvc repro`, and commit dvc.lock"


def filled_in(text):
    return re.sub(r"\$\{(\w+)\}", lambda found: VARIABLES[found[1]], text)


def params_of(stage):
    """Return file -> keys."""
    return {filled_in(file): keys for param in PIPELINE["stages"][stage]["params"] for file, keys in param.items()}


def value_of(file, key):
    """Return what a file in git says of a parameter."""
    if file.endswith(".py"):
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        (value,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == key]
        return ast.literal_eval(value)
    return read_yaml(ROOT / file)[key]


@pytest.mark.parametrize("stage", PIPELINE["stages"])
def test_the_lock_is_of_what_is_in_git(stage):
    """Fails whenever dvc.yaml, the quickstart's settings, a stage's version or the code that makes keys changed."""
    asked, locked = PIPELINE["stages"][stage], LOCK[stage]
    assert " ".join(locked["cmd"].split()) == filled_in(asked["cmd"]), SAY
    assert {dep["path"] for dep in locked["deps"]} == set(asked["deps"]), SAY
    for dep in locked["deps"]:
        path = ROOT / dep["path"]
        if path.is_file():
            assert dep["md5"] == hashlib.md5(path.read_bytes()).hexdigest(), f"{dep['path']} changed: {SAY}"
    assert locked["params"].keys() == params_of(stage).keys(), SAY
    for file, keys in params_of(stage).items():
        assert locked["params"][file] == {key: value_of(file, key) for key in keys}, f"{file} changed: {SAY}"
    assert [out["path"] for out in locked["outs"]] == sorted(path for out in asked["outs"] for path in out), SAY


def test_stages_were_locked_with_each_others_outputs():
    made = {out["path"]: out["md5"] for stage in LOCK.values() for out in stage["outs"]}
    for name, stage in LOCK.items():
        for dep in stage["deps"]:
            if dep["path"] in made:
                assert dep["md5"] == made[dep["path"]], f"{name} was made from another {dep['path']}: {SAY}"


def test_whatever_may_change_a_key_is_a_dependency_of_every_stage():
    code = (
        "import sys; sys.path.insert(0, 'workflow'); import stir_workflow.planning.plan; "
        "print(*(name for name in sys.modules if name.startswith('planning.')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    needed = {f"workflow/{name.replace('.', '/')}.py" for name in ran.stdout.split()}
    assert "workflow/stir_workflow/planning/plan.py" in needed
    needed |= {"workflow/stir_workflow/store/identity.py", "stir/data/catalogue.py", "workflow/schemas/experiment.schema.yaml"}
    for stage, asked in PIPELINE["stages"].items():
        assert needed <= set(asked["deps"]), stage


def test_the_version_of_every_stage_is_a_parameter_of_the_stage_that_runs_it():
    files = [file for stage in PIPELINE["stages"] for file, keys in params_of(stage).items() if keys == ["VERSION"]]
    assert sorted(files) == sorted(f"workflow/stir_workflow/stages/{stage}.py" for stage in STAGES)


def test_every_setting_is_a_parameter_of_the_last_stage():
    (experiment,) = [file for file in params_of("tables") if file.endswith(".yaml")]
    assert set(params_of("tables")[experiment]) == set(read_yaml(ROOT / experiment)) - {"description"}


def test_all_that_is_made_is_kept_when_a_stage_runs_again():
    for asked in PIPELINE["stages"].values():
        assert all(options == {"persist": True} for out in asked["outs"] for options in out.values())
