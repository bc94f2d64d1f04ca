"""One job: ``stir make`` with an order on standard input, in a process that ends with its run."""

import sys
import traceback


def run_job() -> int:
    """Make what the order on standard input asks for; return the exit status."""
    from stir_workflow.cli import main
    from stir_workflow.running.owner import end_on_sigterm

    end_on_sigterm()
    try:
        main(["make"], prog_name="stir")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # the last stop before the process ends
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    import gc
    import os

    from stir_workflow.running.owner import OWNER, die_with

    # Imports make many objects and no garbage: collecting as often as usual costs 0.3 s a job.
    gc.set_threshold(100_000, 20, 20)
    if OWNER in os.environ:
        die_with(int(os.environ[OWNER]))
    sys.exit(run_job())
