"""The same experiment file gives the same keys, unless a version says that it does not."""

import json
from pathlib import Path

from stir_workflow.planning import plan as planning
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.stages import STAGES, stage_module

KEYS = Path(__file__).with_name("keys.json")
RECORD = "record them: python -m tests.regression.keys"


def test_keys_change_with_versions_only():
    recorded = json.loads(KEYS.read_text(encoding="utf-8"))
    assert recorded["versions"] == versions(), f"a version was raised; {RECORD}"
    assert recorded["paths"] == paths(), f"Keys changed but no version did: raise VERSION in planning/plan.py and {RECORD}"


def versions():
    return {"plan": planning.VERSION} | {stage: stage_module(stage).VERSION for stage in STAGES}


def paths():
    experiment = Path(__file__).with_name("golden.yaml")
    return sorted(Plan("golden", load_experiment(experiment)).paths())
