"""Another workflow imports this one as a module, as `snakedeploy deploy-workflow` does; and Snakemake's linter is heard."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.experiment_files import ROOT
from tests.workflow.snakemake import Ran, planned

DEPLOYED = f"""
configfile: "config/config.yaml"


module stir:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config


use rule * from stir{{prefix}}
"""
EXPLAINED = ["Specify a conda environment or container for each rule."]
"""Lints of which docs/runs.md says why they stand."""


def call(folder, *arguments):
    """Run Snakemake in a folder as a user does, without any setting of ours."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return Ran(ran.returncode, ran.stdout + ran.stderr)


@pytest.fixture(params=["", " as stir_*"], ids=["as it is", "with a prefix"])
def deployed(copied, request):
    """A finished run in the folder of another workflow."""
    (copied / "workflow").mkdir()
    (copied / "workflow" / "Snakefile").write_text(DEPLOYED.format(prefix=request.param), encoding="utf-8")
    (copied / "config").mkdir()
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    (copied / "config" / "config.yaml").write_text(
        yaml.safe_dump(config | {"experiment": "tiny.yaml", "device": "cpu"}), encoding="utf-8"
    )
    return copied


def test_a_workflow_that_imports_this_one_makes_what_is_missing_in_its_own_folder_and_no_more(deployed):
    assert "Nothing to be done" in call(deployed, "--cores", "2").text
    table = deployed / planned(deployed).table.path
    table.unlink()
    rehearsed = call(deployed, "-n")
    assert sum(count for rule, count in rehearsed.planned.items() if not rule.endswith("all")) == 1, rehearsed.text
    ran = call(deployed, "--cores", "2")
    assert ran.code == 0, ran.text
    assert table.is_file()
    assert len(pd.read_csv(deployed / "results" / "tables" / "tiny.csv")) > 0
    assert "[stir] 1 of 1 jobs done" in ran.text, ran.text


def test_the_linter_finds_only_what_the_documentation_explains():
    found = re.findall(r"^    \* (.*?):?$", call(ROOT, "--lint").text, flags=re.MULTILINE)
    explained = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    assert found
    assert {lint.rstrip(":") for lint in found} == set(EXPLAINED)
    assert all(lint in explained for lint in EXPLAINED)


def test_the_rehearsal_of_the_quickstart_fits_on_a_screen(tmp_path):
    ran = call(
        tmp_path,
        "-n",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--workflow-profile",
        str(ROOT / "workflow" / "profiles" / "default"),
    )
    assert ran.code == 0, ran.text
    assert ran.planned["score"] == 8
    assert len(ran.text.splitlines()) <= 40


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone, which snakedeploy would copy")
def test_snakedeploy_writes_a_workflow_that_runs(tmp_path, monkeypatch):
    """It clones from GitHub, as does Snakemake; git takes the address for this repository."""
    address, branch = "https://github.com/team/stir-workflow", "deployed"
    origin = tmp_path / "origin"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, origin], check=True)
    subprocess.run(["git", "-C", origin, "branch", "--force", branch, "HEAD"], check=True)
    for key, value in {"COUNT": "1", "KEY_0": f"url.{origin}.insteadOf", "VALUE_0": address}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{key}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "deployed"
    command = [Path(sys.executable).with_name("snakedeploy"), "deploy-workflow", address, folder, "--branch", branch]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert address in (folder / "workflow" / "Snakefile").read_text(encoding="utf-8")
    rehearsed = call(folder, "-n")
    assert rehearsed.code == 0, rehearsed.text
    assert rehearsed.planned["all"] == 1
    assert rehearsed.planned["inversion"] == 8
