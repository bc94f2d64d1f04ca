"""The same experiment file gives the same keys, unless a change is recorded."""

import json
from pathlib import Path

from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan

KEYS = Path(__file__).with_name("keys.json")
EXPERIMENT = Path(__file__).with_name("golden.yaml")


def test_keys_are_those_that_were_recorded():
    assert json.loads(KEYS.read_text(encoding="utf-8")) == keys(), (
        "Experiments that were run have to be run again, since their keys changed. If that is meant: "
        "python -m tests.regression.keys, dvc repro, and commit both"
    )


def keys():
    """Return the paths of all artifacts of a fixed experiment."""
    return sorted(Plan("golden", load_experiment(EXPERIMENT)).paths())
