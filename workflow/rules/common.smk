"""Load and check the experiment, plan it, set bad artifacts aside. No logic of its own.

Names carry keys, and files appear whole or not at all: a job is due when its file is
missing, and at no other time. So a file that exists is not asked what it was made from,
and neither time stamps nor the text of a rule make a job.
"""

import logging
import shlex
import sys
from pathlib import Path

from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ExecMode

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from planning.progress import RunProgress
from planning.start import start
from planning.waiting import Waiting
from stir.errors import StirError

MAIN_PROCESS = workflow.exec_mode == ExecMode.DEFAULT

try:
    PLAN = start(config, main_process=MAIN_PROCESS)
except StirError as error:
    sys.exit(f"error: {error}")

if MAIN_PROCESS:
    logging.getLogger("snakemake.logging").addHandler(RunProgress(workflow.cores or 1))

MAKE = shlex.join(
    [sys.executable, "-m", "stir", "make", "--device", config.get("device", "auto")]
)


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


def arguments(pattern):
    """Return the parameter function of a rule: recipe, inputs and output for `stir make`."""
    return lambda wildcards: PLAN.by_path[pattern.format(**wildcards)].arguments()
