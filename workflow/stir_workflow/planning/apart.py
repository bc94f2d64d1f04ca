"""Check what experiments mean in a process of its own.

That takes PyTorch, half a gigabyte of memory that the process that plans and starts jobs would
hold to the end, and never need.
"""

import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path

from stir_workflow.planning.loading import ExperimentError, load_by_schema

REFUSED = 3


def check_apart(paths: Iterable[Path], scale: str | None = None) -> None:
    """Refuse experiments that would fail in a job.

    Parameters
    ----------
    paths : iterable of Path
        Experiment files.
    scale : str, optional
        The scale of all of them; each one's default otherwise.

    Raises
    ------
    ExperimentError
        What `check_meaning` raises, of the first that is refused.
    RuntimeError
        If the check itself fails.
    """
    command = [sys.executable, "-P", "-m", "stir_workflow.planning.apart", scale or "", *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode == REFUSED:
        raise ExperimentError(ran.stdout.rstrip("\n"))
    if ran.returncode < 0:
        raise ExperimentError(
            f"{' '.join(command[5:])}: the check was ended by signal {-ran.returncode}, as it is when memory runs out. "
            "Take smaller networks or images, or more memory."
        )
    if ran.returncode != 0:
        raise RuntimeError(f"The check of {' '.join(command[4:])} failed:\n{ran.stderr}")


def main() -> None:
    """Check the experiment files that are named after a scale; say on standard output why one is refused."""
    from stir_workflow.planning.meaning import check_meaning

    scale, *paths = sys.argv[1:]
    try:
        with redirect_stdout(sys.stderr):  # what Python files of models print is no refusal
            for path in map(Path, paths):
                check_meaning(load_by_schema(path, scale or None), path, scale=scale or None)
    except ExperimentError as error:
        print(error)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
