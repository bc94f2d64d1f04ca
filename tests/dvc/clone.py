"""Clones of a repository, and commands in them as a user types them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.experiment_files import read_yaml, write_yaml
from tests.workflow import jobs
from tests.workflow.snakemake import VERBOSE, Ran

EXPERIMENT = "workflow/experiments/quickstart.yaml"


def jobs_of(*stages):
    """Return stage -> all its jobs of the tiny experiment, and the target's."""
    return {stage: jobs.TINY[stage] for stage in (*stages, "all")}


def announced(said):
    """Return rule -> number of jobs that a run under the default profile says it will do."""
    (planned,) = re.findall(r"^\[stir\] \d+ jobs: (.*)$", said, re.MULTILINE)
    return {rule: int(count) for count, rule in re.findall(r"(\d+) (\w+)", planned)}


def environment_of_nobody(folder):
    """Return an environment without any settings of git and DVC; what DVC keeps for a user is in the folder."""
    own = str(folder / "dvc-of-nobody")
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_SITE_CACHE_DIR": own,
        "DVC_GLOBAL_CONFIG_DIR": own,
        "DVC_SYSTEM_CONFIG_DIR": own,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{who}_{what}": f"{what}@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }


@dataclass(frozen=True)
class Clone:
    """A working tree, and commands in it as a user types them."""

    path: Path

    def run(self, *command, code=0):
        """Run a command with this tree's own package; return what it printed."""
        ran = subprocess.run(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.path,
            env=self.environment(),
            check=False,
            timeout=600,
        )
        assert ran.returncode == code or (code == "any failure" and ran.returncode), ran.stdout
        return ran.stdout

    def environment(self):
        """Return the environment: no settings of the user's, and the package of this tree."""
        return environment_of_nobody(self.path.parent) | {"PYTHONPATH": f"{self.path}{os.pathsep}{self.path / 'workflow'}"}

    def snakemake(self, *arguments):
        """Run the workflow on two cores, or only list its jobs."""
        return Ran(0, self.run("snakemake", "--cores", "2", *VERBOSE, *arguments))

    def due(self, *arguments):
        """Return rule -> number of jobs to run; empty if there are none."""
        ran = self.snakemake("-n", *arguments)
        assert ran.planned or "Nothing to be done" in ran.text, ran.text
        return ran.planned

    def json(self, *command):
        """Return what a command prints as JSON."""
        return json.loads(self.run(*command))

    def commit(self, message):
        """Commit all that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def clone(self, path):
        """Clone the repository, as another user would."""
        self.run("git", "clone", "--quiet", self.path, path)
        return Clone(path)

    @property
    def experiment(self):
        """The content of the experiment file."""
        return read_yaml(self.path / EXPERIMENT)

    def write_experiment(self, content, name=EXPERIMENT):
        """Write an experiment file."""
        write_yaml(self.path / name, content)

    def files(self):
        """Return all files that runs made, except logs."""
        found = [file for part in ("data", "results") for file in sorted((self.path / part).rglob("*")) if file.is_file()]
        return [
            file
            for file in found
            if not {"logs", "benchmarks", "README.md", ".stir.lock"} & set(file.relative_to(self.path).parts)
        ]
