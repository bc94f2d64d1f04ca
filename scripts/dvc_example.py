"""Make a repository whose files others can pull: docs/dvc.md and its tests start from it.

``python -m scripts.dvc_example FOLDER`` writes the git repository FOLDER/origin, in which the experiment quickstart is a tiny
one, runs it there with ``dvc repro``, and pushes what it made to the DVC remote FOLDER/store. It takes a minute or two.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from stir_workflow.planning.loading import load_experiment

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "workflow" / "experiments" / "tiny.yaml"
QUICKSTART = Path("workflow", "experiments", "quickstart.yaml")
AUTHOR = {"user.name": "The example", "user.email": "example@example.org"}


def make_example(folder: Path) -> None:
    """Write the repository, run its experiment and push the files.

    Parameters
    ----------
    folder
        Where `origin` and `store` are written; neither may exist.
    """
    origin, store = folder / "origin", folder / "store"
    for path in (origin, store):
        if path.exists():
            sys.exit(f"Expected a folder for a new example; got one with {path}; name another one, or remove it.")
    copy_checkout(origin)
    git(origin, "init", "--quiet", "--initial-branch", "main")
    # A push from a clone then also changes the working tree, as if nobody worked here.
    for key, value in (AUTHOR | {"receive.denyCurrentBranch": "updateInstead"}).items():
        git(origin, "config", key, value)
    commit(origin, "The tiny experiment")
    run(origin, "dvc", "remote", "add", "--default", "store", str(store))
    run(origin, "dvc", "remote", "modify", "store", "verify", "true")
    run(origin, "dvc", "repro")
    commit(origin, "Run it")
    run(origin, "dvc", "push")


def copy_checkout(origin: Path) -> None:
    """Copy the files of this checkout, committed or not, with the tiny experiment as the quickstart, and nothing that was run."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if (ROOT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, origin / name)
    YAML(typ="safe").dump(load_experiment(TINY), origin / QUICKSTART)
    (origin / "dvc.lock").unlink()


def run(origin: Path, *command: str) -> None:
    """Run a command of this environment with the packages of the repository; its output is the script's."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{origin}{os.pathsep}{origin / 'workflow'}",
    }
    subprocess.run(command, cwd=origin, env=os.environ | variables, check=True)


def git(origin: Path, *arguments: str) -> None:
    """Run git in the repository."""
    run(origin, "git", *arguments)


def commit(origin: Path, message: str) -> None:
    """Commit all that git does not ignore."""
    git(origin, "add", "--all")
    git(origin, "commit", "--quiet", "--message", message)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Expected a folder; do: python -m scripts.dvc_example FOLDER")
    make_example(Path(sys.argv[1]).resolve())
