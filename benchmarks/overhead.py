"""Time experiments on an empty cache, and separate the work of the stages from the overhead: ``make bench-overhead``.

Every run starts in an empty folder with the installed package; installation is not included. Jobs record the
wall time of their own work, including imports. Divided evenly among the cores, this is the time that a run would
take without overhead. The overhead is the ratio of the run's wall time to this time, and comes from planning, scheduling,
verification and idle cores.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from stir.provenance import code_version, package_versions
from stir_workflow.store.facts import PARTS

ROOT = Path(__file__).resolve().parent.parent
GOALS = {"quickstart": 2.0, "half_minute": 1.25}


def run_once(folder: Path, experiment: str) -> float:
    """Run the workflow in a folder; return its wall time in seconds."""
    for name in ("Snakefile", "workflow"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    shutil.copy(ROOT / "benchmarks" / "half_minute.yaml", folder / "workflow" / "experiments")
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/default"]
    began = time.monotonic()
    subprocess.run([*command, "--config", f"experiment={experiment}"], cwd=folder, check=True, stdout=sys.stderr)
    return time.monotonic() - began


def costs_of_jobs(folder: Path) -> pd.DataFrame:
    """Return a row per job, from the files in which jobs record their costs."""
    root = folder / "results" / "benchmarks"
    # What parts cost is in the costs of the jobs that make them.
    files = sorted(file for file in root.rglob("*.tsv") if file.relative_to(root).parts[0] not in PARTS)
    return pd.concat(pd.read_csv(file, sep="\t").assign(stage=file.relative_to(root).parts[0]) for file in files)


def by_stage(jobs: pd.DataFrame) -> pd.DataFrame:
    """Sum up the jobs' own seconds per stage."""
    columns = {"jobs": ("s", "size"), "own_s": ("s", "sum"), "median_s": ("s", "median"), "cpu_s": ("cpu_s", "sum")}
    return jobs.groupby("stage").agg(**columns, max_rss_mb=("max_rss_mb", "max"))


def spread(values: list[float]) -> str:
    """Return median, minimum and maximum as text."""
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def main() -> None:
    """Print wall times, own work and their ratio, and the work per stage in the last run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--experiments", nargs="+", default=list(GOALS), choices=list(GOALS))
    chosen, cores = parser.parse_args(), os.cpu_count() or 1
    print(f"{cores} CPU cores, {platform.machine()}, {code_version()}, {json.dumps(package_versions())}")
    for experiment in chosen.experiments:
        walls, works = [], []
        for _ in range(chosen.runs):
            with tempfile.TemporaryDirectory() as folder:
                walls.append(run_once(Path(folder), experiment))
                jobs = costs_of_jobs(Path(folder))
                works.append(jobs["s"].sum() / cores)
        ratios = [wall / work for wall, work in zip(walls, works, strict=True)]
        print(f"\n{experiment}: n = {chosen.runs} runs, median (least to largest)")
        print(f"wall time {spread(walls)} s; own work / {cores} cores {spread(works)} s")
        print(f"overhead, wall / own: {spread(ratios)}; goal {GOALS[experiment]}")
        print(by_stage(jobs).to_string(float_format="%.4g"))


if __name__ == "__main__":
    main()
