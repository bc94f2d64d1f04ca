"""Load, check and plan the experiment. Rules look up their inputs and settings in the plan.

Names contain keys, and files appear complete or not at all, so a job runs if and only if its file is missing.
Artifacts that exist have no inputs.
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
    """Return the thread function of a rule: the number of threads in the experiment."""
    return lambda wildcards: PLAN.at(stage, wildcards.key).recipe.settings["threads"]


def source(stage):
    """Return the parameter function of a rule: path or URL of an external source."""
    return lambda wildcards: PLAN.at(stage, wildcards.key).source or ""


def mem_mb(stage):
    """Return the resource function of a rule: megabytes, more at each attempt."""
    return lambda wildcards, attempt: STAGES[stage].mem_mb * attempt


def minutes(stage):
    """Return the resource function of a rule: wall time, more at each attempt."""
    return lambda wildcards, attempt: STAGES[stage].minutes * attempt
