"""What a stage needs besides its facts is told where it is missing."""

import re
from pathlib import Path

import pytest

from stir_workflow.stages import stage_module
from stir_workflow.store.facts import PARTS, STAGES
from tests.experiment_files import ROOT

RULES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_module_that_makes_its_artifacts(stage):
    assert callable(stage_module(stage).make), f"stages/{stage}.py: make"


@pytest.mark.parametrize("stage", sorted(STAGES.keys() - PARTS))
def test_every_stage_has_a_rule_that_runs_it(stage):
    rule = re.search(rf"^rule {stage}:\n(.*?)^    shell:\n(.*?)(?=^rule|\Z)", RULES, re.DOTALL | re.MULTILINE)
    assert rule, f"workflow/rules: rule {stage}"
    assert f"stir make {stage} " in rule[2]


@pytest.mark.parametrize("stage", STAGES)
def test_the_readme_of_results_names_the_folder_of_every_stage(stage):
    folder = Path(STAGES[stage].folder)
    if folder.parent.name == "results":
        assert f"`{folder.name}/" in (ROOT / "results" / "README.md").read_text(encoding="utf-8"), "results/README.md"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_tests_that_import_it_or_make_its_artifacts(stage):
    files = [
        path for folder in ("stages", "store") for path in sorted((ROOT / "tests" / "stir_workflow" / folder).glob("test_*.py"))
    ]
    named = re.compile(rf"(stages|store)(\.| import .*\b){stage}\b|[\"']{stage}[\"']")
    tested = any(named.search(path.read_text(encoding="utf-8")) for path in files if path != Path(__file__))
    assert tested, f"tests/stir_workflow/stages/test_{stage}.py"
