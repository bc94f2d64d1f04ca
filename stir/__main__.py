"""``python -m stir``."""

import gc

# Imports make many objects and no garbage: collecting as often as usual costs 0.3 s a job.
gc.set_threshold(100_000, 20, 20)

from stir.cli import main  # noqa: E402

main()
