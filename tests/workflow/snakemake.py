"""Run the real workflow in a folder of its own, and read what Snakemake says of its jobs."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan
from tests.experiment_files import ROOT, write_yaml

PROFILE = ROOT / "workflow" / "profiles" / "default"


VERBOSE = ["--workflow-profile", "none", "--rerun-triggers", "mtime"]
"""What the default profile keeps to itself is read here."""


@dataclass(frozen=True)
class Ran:
    """What a run of Snakemake left behind."""

    code: int
    text: str

    @property
    def planned(self):
        """Rule -> number of jobs in the job statistics; empty if nothing is to be done."""
        table = re.search(r"Job stats:\njob +count\n[- ]+\n((?:\w+ +\d+\n)+)", self.text)
        counts = dict(line.split() for line in table[1].splitlines()) if table else {}
        counts.pop("total", None)
        return {rule: int(count) for rule, count in counts.items()}

    @property
    def finished(self):
        """Rule -> number of jobs that were done."""
        return dict(Counter(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", self.text)))


def snakemake(folder, experiment, *arguments, cores=("--cores", "2"), config=(), timeout=300):
    """Run Snakemake in a folder, with the package and the workflow beside these tests."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder, *arguments]
    command += [] if {"--workflow-profile", "--cores"} & set(arguments) else [*cores]
    command += [] if "--workflow-profile" in arguments else VERBOSE
    command += ["--config", f"experiment={experiment}", "device=cpu", *config]
    # Without the environment's programs, as where it is not activated: a run finds the command stir by itself.
    places = [place for place in os.environ["PATH"].split(os.pathsep) if place != str(Path(sys.executable).parent)]
    environment = os.environ | {"PATH": os.pathsep.join(places)}
    ran = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
        timeout=timeout,
    )
    return Ran(ran.returncode, ran.stdout)


def dry_run(folder, content):
    """Return the jobs that an experiment would need; it stands as tiny.yaml in the folder."""
    ran = snakemake(folder, write_yaml(folder / "tiny.yaml", content), "--dry-run")
    assert ran.code == 0, ran.text
    assert ran.planned or "Nothing to be done" in ran.text, ran.text
    return ran.planned


def planned(folder, experiment="tiny.yaml"):
    """Plan an experiment file of a folder."""
    return Plan(Path(experiment).stem, load_experiment(folder / experiment))


def contents(folder):
    """Return path -> bytes of all that a run is for: artifacts, tables and figures, without logs, seals, and notes of runs.

    Reports are not the same each time, since they say how long jobs took; nor are publications, which have their SHA-256.
    """
    files = [file for part in ("data", "results") for file in sorted((folder / part).rglob("*")) if file.is_file()]
    names = {file.relative_to(folder).as_posix(): file for file in files}
    return {
        name: file.read_bytes()
        for name, file in names.items()
        if not re.search(r"results/(logs|benchmarks|report|publications)/|/\.quarantine/|/\.(stir\.lock|shared-with)$", name)
        and not (file.suffix == ".json" and file.with_suffix("").exists())
    }
