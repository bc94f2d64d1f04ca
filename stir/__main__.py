"""``python -m stir``."""

import gc
import os

# Imports make many objects and no garbage: collecting as often as usual costs 0.3 s a job.
gc.set_threshold(100_000, 20, 20)
# NumPy only reads and writes here; its waiting threads would take cores from other jobs.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from stir.cli import main  # noqa: E402

main()
