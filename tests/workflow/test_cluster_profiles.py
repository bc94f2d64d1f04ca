"""What the profiles of clusters say, and what their page says of them; tests/workflow/slurm runs them."""

import re

import pytest

from stir_workflow.store.facts import PARTS, STAGES
from tests.experiment_files import ROOT, read_yaml

PAGE = ROOT / "docs" / "clusters.md"
ONLY_SLURMS = ("slurm", "executor")
SUBMITTED = sorted(STAGES.keys() - PARTS - {"dataset"})
ONLY_GENERICS = ("cluster-generic", "executor", "seconds-between-status-checks")


def profile(name):
    return read_yaml(ROOT / "workflow" / "profiles" / name / "config.yaml")


def rows_of_the_page():
    table = re.search(r"\| stage \| MB \|.*?\n\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {stage: row for row in rows for stage in row[0].split(", ")}


def row_of(stage):
    rows = rows_of_the_page()
    return rows.get(stage, rows["any other"])


def test_the_two_profiles_ask_for_the_same():
    slurm, generic = profile("slurm"), profile("generic")
    assert generic["default-resources"].pop("gpu") == 0, "the command to submit names it for every stage"
    assert {key: value for key, value in slurm.items() if not key.startswith(ONLY_SLURMS)} == {
        key: value for key, value in generic.items() if not key.startswith(ONLY_GENERICS)
    }


@pytest.mark.parametrize("stage", SUBMITTED)
def test_the_page_says_what_a_stage_asks_for(stage):
    row = row_of(stage)
    assert row[1:4] == [str(number) for number in (STAGES[stage].mem_mb, STAGES[stage].minutes, int(STAGES[stage].on_gpu))]


@pytest.mark.parametrize("stage", SUBMITTED)
def test_the_page_says_how_a_stage_is_submitted(stage):
    said, how = profile("slurm"), row_of(stage)[4]
    if stage in said["slurm-array-jobs"]:
        assert stage not in said["groups"], "jobs of a group are no tasks of arrays"
        assert how == "as tasks of arrays"
    elif stage not in said["groups"]:
        assert how == "each alone"
    else:
        jobs = said["group-components"].get(said["groups"][stage])
        assert how.startswith(f"{jobs} " if jobs else "as one group")


def test_the_page_says_what_is_not_submitted():
    assert set(rows_of_the_page()) <= {"dataset", "any other", *SUBMITTED}
    assert rows_of_the_page()["dataset"][4].startswith("not submitted:")
