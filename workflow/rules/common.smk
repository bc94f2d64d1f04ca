"""Load the experiment, check it, plan it. Rules ask the plan; they decide nothing.

Names carry keys, and files appear whole or not at all: a job is due when its file is missing, and at no other
time. So an artifact that is there is not asked what it was made from.
"""

import sys

from stir.errors import StirError
from stir_workflow.running.asking import Asking, mem_mb, minutes
from stir_workflow.running.session import Session

try:
    RUN = Session(workflow, config)
except StirError as error:
    sys.exit(f"error: {error}")

PLAN, DEVICE, GPU = RUN.plan, RUN.device, RUN.gpus_per_job
needed, asking = RUN.needed, Asking(PLAN)
settings, threads_of, source = asking.settings, asking.threads_of, asking.source


onstart:
    try:
        RUN.check_folders()
    except StirError as error:
        sys.exit(f"error: {error}")
