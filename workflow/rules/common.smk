"""Load, check and plan the experiment. Rules look up their inputs and settings in the plan.

Names contain keys, and files appear complete or not at all, so a job runs if and only if its file is missing.
Artifacts that exist have no inputs.
"""

import sys

from stir.errors import StirError
from stir_workflow.running.asking import Asking, mem_mb
from stir_workflow.running.session import Session

try:
    RUN = Session(workflow, config)
except StirError as error:
    sys.exit(f"error: {error}")

PLAN, DEVICE, GPU = RUN.plan, RUN.device, RUN.gpus_per_job
needed, asking = RUN.needed, Asking(PLAN)
settings, threads_of, minutes = asking.settings, asking.threads_of, asking.minutes
source, code, paths = asking.source, asking.code, asking.paths


onstart:
    try:
        RUN.check_folders()
    except StirError as error:
        sys.exit(f"error: {error}")
