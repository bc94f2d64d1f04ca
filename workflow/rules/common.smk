"""Load and check the experiment, plan it, set bad artifacts aside. No logic of its own.

Every input is ancient(): names carry keys, so time stamps decide nothing.
"""

import logging
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
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
    """Return the input function of a rule: what the plan says its output is made from."""
    return lambda wildcards: ancient(
        PLAN.by_path[pattern.format(**wildcards)].input_paths()
    )


def arguments(pattern):
    """Return the parameter function of a rule: recipe, inputs and output for `stir make`."""
    return lambda wildcards: PLAN.by_path[pattern.format(**wildcards)].arguments()
