"""A change in a clone makes exactly the files that depend on it; reverting it costs one publication."""

import re

import pytest

from stir_workflow.store.facts import EXTRA, PARTS, STAGES
from tests.dvc.clone import EXPERIMENT, jobs_of
from tests.experiment_files import edited
from tests.workflow.jobs import TINY_AFTER_PLAIN

pytestmark = pytest.mark.long

MAKERS = {"pair": "representation", "iri": "inversion"}
"""Stage of parts -> stage whose jobs make them."""


def dependants(stage):
    """Return the stages whose jobs are due when a version is raised: this one, and all with an input that these make."""
    due = [MAKERS.get(stage, stage)]
    if stage == "inversion":
        return due  # recipes contain the keys of the IRIs, not that of the index
    for other in [name for name in STAGES if name not in PARTS | EXTRA]:
        roles = {role if role in STAGES else role.removesuffix("s") for role in STAGES[other].inputs}
        made_from = {MAKERS.get(role, role) for role in roles}
        if other not in due and made_from & set(due):
            due.append(other)
    return due


def test_one_setting_of_one_model_changed_and_changed_back(pulled):
    tables = {
        name: (pulled.path / "results/tables" / name).read_bytes() for name in ("quickstart.csv", "quickstart-metrics.json")
    }
    pulled.write_experiment(edited(pulled.experiment, {"training.1.epochs": 2}))
    assert pulled.due() == TINY_AFTER_PLAIN | {"all": 1}
    assert pulled.snakemake().finished == TINY_AFTER_PLAIN | {"all": 1}
    pulled.run("git", "checkout", "--", EXPERIMENT)
    assert pulled.due() == jobs_of("publication")
    assert pulled.snakemake().finished == jobs_of("publication")
    assert {name: (pulled.path / "results/tables" / name).read_bytes() for name in tables} == tables
    assert pulled.due() == {}


def test_a_model_added_runs_only_its_own_jobs(pulled):
    models = pulled.experiment["models"]
    pulled.write_experiment(pulled.experiment | {"models": [*models, models[0] | {"name": "wide", "width": 3}]})
    own = {"checkpoint": 1, "evaluation": 1, "inversion": 2, "representation": 3, "score": 3}
    assert pulled.due() == own | {"table": 1, "figure": 1, "report": 1, "publication": 1, "all": 1}


def raise_version(clone, stage):
    file = clone.path / "workflow" / "stir_workflow" / "store" / "facts.py"
    text, count = re.subn(rf'("{stage}": Facts\(\s*)\d+', r"\g<1>99", file.read_text(encoding="utf-8"))
    assert count == 1
    file.write_text(text, encoding="utf-8")


def test_a_raised_version_makes_its_stage_and_what_depends_on_it(pulled):
    assert dependants("pair") == ["representation", "score", "table", "figure", "report", "publication"]
    for stage in STAGES.keys() - EXTRA:
        raise_version(pulled, stage)
        assert pulled.due() == jobs_of(*dependants(stage)), stage
        assert "keys changed" in pulled.run("python", "-m", "pytest", "tests/regression/test_keys.py", "-q", code=1)
        pulled.run("git", "checkout", "--", "workflow")
    assert pulled.due() == {}


def test_an_output_that_changed_under_its_version_fails_the_golden_test(clone):
    golden = ("python", "-m", "pytest", "tests/regression", "-q", "-p", "no:cacheprovider", "-k", "score")
    clone.run(*golden)
    file = clone.path / "workflow" / "stir_workflow" / "stages" / "score.py"
    text = file.read_text(encoding="utf-8")
    assert text.count("pd.DataFrame(rows).to_csv") == 1
    file.write_text(text.replace("pd.DataFrame(rows).to_csv", "pd.DataFrame(rows).assign(stir=0.5).to_csv"), encoding="utf-8")
    said = clone.run(*golden, code=1)
    assert "The output of stage score changed but its version did not" in said
    raise_version(clone, "score")
    assert "stage score has version 99" in clone.run(*golden, code=1)


def test_a_deleted_file_in_the_middle_is_made_and_nothing_else(pulled):
    (iri, *_) = (pulled.path / "results" / "iris").rglob("*.h5")
    iri.unlink()
    assert pulled.due() == {"inversion": 1, "all": 1}
