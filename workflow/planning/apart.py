"""Check what an experiment means in a process of its own.

That takes PyTorch, half a gigabyte of memory that the process that plans and starts jobs would
hold to the end, and never need.
"""

import os
import subprocess
import sys
from pathlib import Path

from planning.loading import ExperimentError, load_experiment

REFUSED = 3


def check_apart(path: Path) -> None:
    """Refuse an experiment that would fail in a job.

    Parameters
    ----------
    path : Path
        An experiment file.

    Raises
    ------
    ExperimentError
        What `check_meaning` raises.
    RuntimeError
        If the check itself fails.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "planning.apart", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if ran.returncode == REFUSED:
        raise ExperimentError(ran.stdout.rstrip("\n"))
    if ran.returncode != 0:
        raise RuntimeError(f"The check of {path} failed:\n{ran.stderr}")


def main() -> None:
    """Check the experiment file that is named; say on standard output why it is refused."""
    from planning.meaning import check_meaning

    path = Path(sys.argv[1])
    try:
        check_meaning(load_experiment(path), path)
    except ExperimentError as error:
        print(error)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
