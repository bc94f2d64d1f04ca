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
from functools import cache
from pathlib import Path

from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ExecMode

WORKFLOW = Path(workflow.basedir) / "workflow"
# Snakemake puts the Snakefile's folder first, where a file json.py would be taken for Python's own.
sys.path[:] = [
    str(WORKFLOW),
    *(place for place in sys.path if Path(place) != WORKFLOW.parent),
    str(WORKFLOW.parent),
]
os.environ["PYTHONSAFEPATH"] = "1"  # of the processes that Snakemake starts, too

from stir_workflow.planning.progress import RunProgress
from stir_workflow.planning.start import say_set_aside, start
from stir_workflow.planning.waiting import Waiting
from stir_workflow.running.client import ADDRESS
from stir_workflow.running.clones import note_sharing
from stir_workflow.running.failures import FailedLogs, KilledJobs
from stir_workflow.running.folder import check_entered, enter_folder
from stir_workflow.running.gpus import gpus_per_job, limit_to_this_node
from stir_workflow.running.owner import OWNER
from stir_workflow.running.shared import SharedFolders
from stir_workflow.running.slurm import remember_settings
from stir.errors import StirError
from stir_workflow.store.storage import check_writable

MAIN_PROCESS = workflow.exec_mode == ExecMode.DEFAULT

try:
    if MAIN_PROCESS:
        enter_folder()
        note_sharing()
        SHARED = SharedFolders()
        OTHER = SHARED.try_hold()
    PLAN = start(
        config, main_process=MAIN_PROCESS, undisturbed=MAIN_PROCESS and OTHER is None
    )
    GPU = gpus_per_job(config.get("device", "auto"))
    if MAIN_PROCESS:
        limit_to_this_node(workflow, GPU)
except StirError as error:
    sys.exit(f"error: {error}")

logging.getLogger("snakemake.logging").addHandler(KilledJobs())
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
# A log is a new file: what lies under its name may be a link.
DO = "rm -f {log:q}; {JOB} {rule:q} 2>&1 <<'ORDER' | tee {log:q}\n{params.order}\nORDER"


onstart:
    try:
        check_entered()
        check_writable(
            [
                Path("results"),
                *{
                    Path(path).parent
                    for path in PLAN.paths()
                    if not WAITING.is_there(path)
                },
            ]
        )
    except StirError as error:
        sys.exit(f"error: {error}")


WAITING = Waiting(PLAN)


@cache
def hold_shared_folders():
    """Before the graph of jobs is made: if there are any to run, wait until no other clone's runs use the same folders."""
    executes = workflow.executor_plugin is not None and not workflow.dryrun
    if not executes or (
        not is_forced() and all(Path(path).exists() for path in PLAN.paths())
    ):
        SHARED.release()
        if OTHER:
            print(
                f"[stir] not checked, since a run in {OTHER} uses them: data/ and results/",
                file=sys.stderr,
            )
        return
    try:
        if SHARED.hold() or OTHER:
            say_set_aside(PLAN)
    except StirError as error:
        sys.exit(f"error: {error}")


def is_forced():
    """Return whether jobs are to run again whose outputs are there."""
    settings = workflow.dag_settings
    return bool(settings.forceall or settings.forcetargets or settings.forcerun)


def made_from(pattern):
    """Return the input function of a rule: what a missing output waits for."""

    def inputs(wildcards):
        settings = workflow.dag_settings
        # There are no settings yet when this file is read, and they are not yet used here.
        settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
        if MAIN_PROCESS:
            hold_shared_folders()
        path = pattern.format(**wildcards)
        if is_forced():
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
