"""Measure the graph of 100 models with 10 layers and 3 random seeds: ``make bench-scale``.

Plan it on an empty cache, then twice on a cache in which every file exists (small sealed files with the
planned names): the first time every file is read, the second time none. Print seconds, memory
and jobs. ``--costs`` prints the estimated cost of computing it instead, as shown in docs/scale.md.
"""

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from scale_experiment import write_experiment

from stir.provenance import code_version, package_versions
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.stamps import stamp

ROOT = Path(__file__).resolve().parent.parent
SECONDS_BETWEEN_LOOKS = 0.1
MEBIBYTE = 2**20
LIMIT = 1000 * MEBIBYTE


@dataclass(frozen=True)
class DryRun:
    """Output and cost of `snakemake -n`."""

    code: int
    text: str
    seconds: float
    cpu_seconds: float
    megabytes: float
    """Peak resident memory of Snakemake and its children together."""

    @property
    def jobs(self) -> dict[str, int]:
        """Rule -> jobs that are due."""
        table = re.search(r"Job stats:\njob +count\n[- ]+\n((?:\w+ +\d+\n)+)", self.text)
        counts = dict(line.split() for line in table[1].splitlines()) if table else {}
        return {rule: int(number) for rule, number in counts.items() if rule != "total"}


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def dry_run(folder: Path, experiment: Path) -> DryRun:
    """Plan an experiment in a folder; every process is limited to 1,000 MiB of data."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder, "-n"]
    command += ["--cores", "2", "--quiet", "host", "rules", "--config", f"experiment={experiment}", "device=cpu"]
    environment = dict(os.environ)
    before, began, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    with tempfile.TemporaryFile("w+") as said:
        ran = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder, env=environment, preexec_fn=_limit_memory)
        process = psutil.Process(ran.pid)
        while ran.poll() is None:
            peak = max(peak, _resident(process))
            time.sleep(SECONDS_BETWEEN_LOOKS)
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return DryRun(ran.returncode, said.read(), seconds, cpu, peak / MEBIBYTE)


def fill_cache(folder: Path, plan: Plan) -> None:
    """Write a small sealed file at every planned path."""
    for path, artifact in plan.by_path.items():
        place = folder / path
        if place.suffix == ".stamp":
            stamp(place, artifact.recipe, [])
            continue
        with sealing(place, artifact.recipe) as temporary:
            temporary.write_text(path, encoding="utf-8")


def _say(what: str, ran: DryRun) -> None:
    if ran.code != 0 or not (ran.jobs or "Nothing to be done" in ran.text):
        sys.exit(f"{what} failed:\n{ran.text[-2000:]}")
    took = f"{ran.seconds:.1f} s, {ran.cpu_seconds:.1f} s of CPU, peak {ran.megabytes:.0f} MiB"
    print(f"{what}: {took}, {sum(ran.jobs.values())} jobs")


def measure_graph() -> None:
    """Print the cost of the three dry runs."""
    import snakemake

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        experiment = write_experiment(folder / "scale.yaml")
        nothing = dry_run(folder, experiment)
        _say("from nothing", nothing)
        print("  " + ", ".join(f"{rule} {count}" for rule, count in nothing.jobs.items()))
        fill_cache(folder, Plan("scale", load_experiment(experiment)))
        _say("everything there, read for the first time", dry_run(folder, experiment))
        _say("everything there, and known", dry_run(folder, experiment))
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} CPU cores (load {load:.1f} at the end), {platform.machine()}, {code_version()}, ", end="")
    print(json.dumps(package_versions() | {"snakemake": snakemake.__version__}))


def main() -> None:
    """Measure the graph, or print costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--costs", action="store_true", help="print the estimated cost of the experiment")
    parser.add_argument("--evaluations", type=float, help="evaluations per image of an inversion; default: docs/benchmarks.md")
    parser.add_argument(
        "--card", default="NVIDIA A100, float32 without tensor cores", help="name of the card that --teraflops belongs to"
    )
    parser.add_argument("--teraflops", type=float, default=19.5, help="peak of the card")
    parser.add_argument("--fraction", type=float, default=0.4, help="assumed fraction of the peak that is reached")
    arguments = parser.parse_args()
    if arguments.costs:
        from scale_tables import print_costs

        print_costs(arguments)
    else:
        measure_graph()


if __name__ == "__main__":
    main()
