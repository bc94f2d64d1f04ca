"""Time the experiment quickstart from nothing, several times: ``make bench-quickstart``.

Every run starts in an empty folder with the installed package; installation is not counted.
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

ROOT = Path(__file__).resolve().parent.parent


def run_once(folder: Path) -> float:
    """Run the workflow in a folder; return its wall time in seconds."""
    for name in ("Snakefile", "workflow"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "workflow/profiles/default"]
    began = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)
    return time.monotonic() - began


def stage_seconds(folder: Path) -> pd.Series:
    """Return the summed wall time of each stage's jobs, from Snakemake's benchmark files."""
    files = sorted((folder / "results" / "benchmarks").rglob("*.tsv"))
    jobs = pd.concat(
        pd.read_csv(file, sep="\t").assign(stage=file.relative_to(folder / "results" / "benchmarks").parts[0]) for file in files
    )
    return jobs.groupby("stage")["s"].agg(["size", "sum"])


def main() -> None:
    """Print wall times, and where they went in the last run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    times = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            times.append(run_once(Path(folder)))
            stages = stage_seconds(Path(folder))
    print(f"quickstart: median {statistics.median(times):.0f} s, {min(times):.0f} to {max(times):.0f} s, n = {runs} runs")
    print(f"{os.cpu_count()} CPU cores, {platform.machine()}, {code_version()}, {json.dumps(package_versions())}")
    print(stages.rename(columns={"size": "jobs", "sum": "seconds of all jobs"}).to_string(float_format="%.0f"))


if __name__ == "__main__":
    main()
