"""Load and check the experiment (or several), plan it, set bad artifacts aside. No logic of its own.

Names carry keys, and files appear whole or not at all: a job is due when its file is
missing, and at no other time. So a file that exists is not asked what it was made from,
and neither time stamps nor the text of a rule make a job.
"""

import logging
import os
import secrets
import shlex
import sys
from pathlib import Path

from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ExecMode

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))

from planning.progress import RunProgress
from planning.start import start
from planning.waiting import Waiting
from running.client import ADDRESS
from running.failures import FailedLogs
from running.folder import enter_folder
from running.gpus import gpus_per_job, limit_to_this_node
from running.owner import OWNER
from running.slurm import remember_settings
from stir.errors import StirError
from stir.storage import check_writable

MAIN_PROCESS = workflow.exec_mode == ExecMode.DEFAULT

try:
    if MAIN_PROCESS:
        enter_folder()
    PLAN = start(config, main_process=MAIN_PROCESS)
    GPU = gpus_per_job(config.get("device", "auto"))
    if MAIN_PROCESS:
        limit_to_this_node(workflow, GPU)
except StirError as error:
    sys.exit(f"error: {error}")

if MAIN_PROCESS:
    logging.getLogger("snakemake.logging").addHandler(
        RunProgress(workflow.resource_settings.cores or 1)
    )
    if workflow.nodes is not None:  # jobs run elsewhere
        logging.getLogger("snakemake.logging").addHandler(FailedLogs())
        remember_settings()

# Snakemake's log file lies on the disk that may be full: a log that cannot be written is no reason for a traceback.
logging.raiseExceptions = False

# Jobs end with this process, and share one server, which the first of them starts.
os.environ[OWNER] = str(os.getpid())
os.environ[ADDRESS] = f"stir-{os.getuid()}-{os.getpid()}-{secrets.token_hex(8)}"
JOB = shlex.join([sys.executable, "-I", "-S", str(WORKFLOW / "running" / "client.py")])
# The order is JSON on one line, so that nothing in it can end the document that it stands in.
DO = "{JOB} {rule:q} 2>&1 <<'ORDER' | tee {log:q}\n{params.order}\nORDER"


onstart:
    try:
        check_writable([Path("data"), Path("results")])
    except StirError as error:
        sys.exit(f"error: {error}")


WAITING = Waiting(PLAN)


def made_from(pattern):
    """Return the input function of a rule: what a missing output waits for."""

    def inputs(wildcards):
        settings = workflow.dag_settings
        # There are no settings yet when this file is read, and they are not yet used here.
        settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
        path = pattern.format(**wildcards)
        if settings.forceall or settings.forcetargets or settings.forcerun:
            return ancient(PLAN.by_path[path].input_paths())
        return [] if WAITING.is_there(path) else WAITING.waits_for(path)

    return inputs


def order(pattern):
    """Return the parameter function of a rule: what the job is to make, as `stir make` reads it."""
    device = config.get("device", "auto")
    return lambda wildcards: PLAN.by_path[pattern.format(**wildcards)].order(device)


def threads_of(pattern):
    """Return the thread function of a rule: as many as the experiment says that the job is of."""
    return lambda wildcards: PLAN.by_path[pattern.format(**wildcards)].recipe.settings[
        "threads"
    ]
