"""Load the experiment, check it, plan it. Rules ask the plan; they decide nothing.

Names carry keys, and files appear whole or not at all: a job is due when its file is missing, and at no other
time. So an artifact that is there is not asked what it was made from.
"""

import sys

from stir.errors import StirError
from stir_workflow.running.session import Session
from stir_workflow.store.facts import STAGES

try:
    RUN = Session(workflow, config)
except StirError as error:
    sys.exit(f"error: {error}")

PLAN, needed, DEVICE, GPU = RUN.plan, RUN.needed, RUN.device, RUN.gpus_per_job


onstart:
    try:
        RUN.check_folders()
    except StirError as error:
        sys.exit(f"error: {error}")


def settings(stage):
    """Return the parameter function of a rule: the settings of an artifact as JSON."""
    return lambda wildcards: PLAN.at(stage, wildcards.key).settings


def threads_of(stage):
    """Return the thread function of a rule: as many as the experiment says."""
    return lambda wildcards: PLAN.at(stage, wildcards.key).recipe.settings["threads"]


def source(stage):
    """Return the parameter function of a rule: path or URL of what is not made here."""
    return lambda wildcards: PLAN.at(stage, wildcards.key).source or ""


def code(stage):
    """Return the parameter function of a rule: folder of the Python files that its networks come from."""
    return lambda wildcards: PLAN.at(stage, wildcards.key).code or ""


def mem_mb(stage):
    """Return the resource function of a rule: megabytes, more at each attempt."""
    return lambda wildcards, attempt: STAGES[stage].mem_mb * attempt


def minutes(stage):
    """Return the resource function of a rule: wall time, more at each attempt."""
    return lambda wildcards, attempt: STAGES[stage].minutes * attempt
