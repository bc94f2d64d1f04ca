"""Load and check the experiment, plan it, set bad artifacts aside. No logic of its own.

Names carry keys, and files appear whole or not at all: a job is due when its file is
missing, and at no other time. So a file that exists is not asked what it was made from,
and neither time stamps nor the text of a rule make a job.
"""

import logging
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.enums import RerunTrigger
from snakemake.settings.types import ExecMode

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from planning.progress import RunProgress
from planning.start import start
from stir.errors import StirError

MAIN_PROCESS = workflow.exec_mode == ExecMode.DEFAULT

try:
    PLAN = start(config, main_process=MAIN_PROCESS)
except StirError as error:
    raise WorkflowError(str(error)) from None

if MAIN_PROCESS:
    logging.getLogger("snakemake.logging").addHandler(RunProgress(workflow.cores or 1))

MAKE = f"{sys.executable} -m stir make --device {config.get('device', 'auto')}"


def made_from(pattern):
    """Return the input function of a rule: what the plan says a missing output is made from."""

    def inputs(wildcards):
        # Snakemake has no settings yet when this file is read, and has not yet used them here.
        workflow.dag_settings.rerun_triggers = frozenset({RerunTrigger.MTIME})
        path = pattern.format(**wildcards)
        return [] if Path(path).exists() else PLAN.by_path[path].input_paths()

    return inputs


def arguments(pattern):
    """Return the parameter function of a rule: recipe, inputs and output for `stir make`."""
    return lambda wildcards: PLAN.by_path[pattern.format(**wildcards)].arguments()
