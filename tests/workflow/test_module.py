"""Another workflow imports this one as a module, as `snakedeploy deploy-workflow` does; and Snakemake's linter is heard."""

import re
import subprocess
import sys

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
