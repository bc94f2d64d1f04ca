"""Cost of all controls as a share of an experiment's time: ``make bench-controls ARGUMENTS='quickstart'``.

The experiment must have been run before. Its stages pair and score are then made again from the cached artifacts, in a
temporary folder, alternately with and without controls, in one process. What the controls add is the difference; untrained
networks and their representations count in full. The rest of the experiment's time is what its jobs noted in results/benchmarks.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from stir.provenance import code_version, package_versions
from stir_workflow.planning.artifact import Artifact, Artifacts
from stir_workflow.planning.start import start
from stir_workflow.stages import pair, score, scoring
from stir_workflow.stages.job import Job

GOAL = 0.3
UNTRAINED = score.UNTRAINED
Seconds = dict[str, float]
"""Clock -> seconds: ``wall`` and ``cpu``."""


def untrained_keys(made: Artifact) -> set[str]:
    """Return the checkpoints that a score needs as floors only."""
    floors: Mapping[str, str] = made.recipe.settings.get(UNTRAINED, {})
    return {*floors.values()} - {*floors}


@contextmanager
def without_controls(floors: set[str]) -> Iterator[None]:
    """Leave all controls out of the stages pair and score."""
    from stir import controls, representations
    from stir_workflow.stages.cached import Cached

    pictures, represent_sets, read_index = pair._pictures, representations.represent_sets, score.read_index

    def iris_alone(model: Any, sets: Any, **settings: Any) -> Any:
        kept = [(name, images) for name, images in sets if name != pair.IMAGES]
        return represent_sets(model, kept, **settings | {"classes_of": ()})

    def perturbed(self: Cached, match: Any) -> controls.Perturbed:
        (name,) = pair.names_of(match["layer"], match["random_seed"])["iri_images"]
        return controls.Perturbed(self._read(name))

    with ExitStack() as patched:
        for place, name, other in (
            (pair, "_pictures", lambda *arguments: islice(pictures(*arguments), 1)),
            (representations, "represent_sets", iris_alone),
            (controls, "controls_of", lambda _, found, **__: [controls.Controls() for _ in found]),
            (scoring, "_per_image", lambda x, _: x.new_zeros(len(x)).numpy()),
            (Cached, "perturbed", perturbed),
            (Cached, "same_class_fraction", lambda *_: float("nan")),
            (score, "read_index", lambda path: {key: file for key, file in read_index(path).items() if key not in floors}),
        ):
            patched.enter_context(patch.object(place, name, other))
        yield


def seconds_of(work: Callable[[], None]) -> Seconds:
    """Return wall and CPU time of some work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def job_of(made: Artifact, folder: str, device: str) -> Job:
    """Return the job of an artifact, with another place for its output."""
    inputs = {role: [Path(path) for path in paths] for role, paths in made.inputs.items()}
    code = None if made.code is None else Path(made.code)
    return Job(made.recipe, Path(folder, Path(made.path).name), inputs, device, code=code)


def added(plan: Artifacts, scores: list[Artifact], device: str) -> dict[str, Seconds]:
    """Return what controls add to the stages pair and score of some reference models, and the time with controls."""
    found: dict[str, Seconds] = {name: {"wall": 0.0, "cpu": 0.0} for name in ("pair", "score", "with")}

    def count(stage: str, with_controls: Seconds, without: Seconds) -> None:
        for clock in with_controls:
            found[stage][clock] += with_controls[clock] - without[clock]
            found["with"][clock] += with_controls[clock]

    for made in scores:
        floors = untrained_keys(made)
        with tempfile.TemporaryDirectory() as folder:
            for part in plan.by_path[made.inputs["representation"][0]].parts:
                job = job_of(part, folder, device)
                both = seconds_of(lambda job=job: pair.make(job))
                none = {"wall": 0.0, "cpu": 0.0}
                if part.recipe.inputs["checkpoint"] not in floors:
                    with without_controls(floors):
                        none = seconds_of(lambda job=job: pair.make(job))
                count("pair", both, none)
            job = job_of(made, folder, "cpu")
            both = seconds_of(lambda job=job: score.make(job))
            with without_controls(floors):
                none = seconds_of(lambda job=job: score.make(job))
            count("score", both, none)
    return found


def noted(plan: Artifacts) -> pd.DataFrame:
    """Return what the experiment's jobs noted; refuse an experiment that is not there."""
    parts = {part.path for made in plan.by_path.values() for part in made.parts}
    files = {path: Path(made.benchmark) for path, made in plan.by_path.items() if path not in parts}
    if missing := [str(file) for file in files.values() if not file.is_file()]:
        sys.exit(f"error: Expected the costs of all jobs; {len(missing)} are missing, such as {missing[0]}. Run the experiment.")
    rows = [pd.read_csv(file, sep="\t").assign(stage=plan.by_path[path].recipe.stage, path=path) for path, file in files.items()]
    return pd.concat(rows, ignore_index=True).rename(columns={"s": "wall", "cpu_s": "cpu"})


def spread(values: list[float], form: str = "{:.3g}") -> str:
    """Return median, minimum and maximum as text."""
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def report(clock: str, jobs: pd.DataFrame, runs: list[dict[str, Seconds]], floors: float, factor: float) -> None:
    """Print what controls add, in seconds and as a share of the experiment without them."""
    total = jobs[clock].sum()
    by_stage = {stage: [factor * run[stage][clock] for run in runs] for stage in ("pair", "score")}
    controls = [sum(each) + floors for each in zip(*by_stage.values(), strict=True)]
    shares = [each / (total - each) for each in controls]
    print(f"\n{clock} time of the jobs: {total:.4g} s, of these of untrained networks' checkpoints {floors:.3g} s")
    for stage, values in by_stage.items():
        print(f"controls add to stage {stage}: {spread(values)} s")
    print(f"controls add to the experiment: {spread(shares, '{:.1%}')}; goal {GOAL:.0%}")


def main() -> None:
    """Print the share of controls, of wall and of CPU time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="?", default="quickstart")
    parser.add_argument("--scale")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--references", type=int, help="Time only so many of the reference models, and scale what they take up.")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    chosen = parser.parse_args()
    config = {"experiment": chosen.experiment} | ({"scale": chosen.scale} if chosen.scale else {})
    plan = start(config, main_process=False)
    jobs, scores = noted(plan), [plan.by_path[path] for path in plan.stage_paths("score")]
    timed = scores[: chosen.references]
    floors = {key for made in scores for key in untrained_keys(made)}
    paths = {made.path for made in plan.by_path.values() if made.recipe.stage == "checkpoint" and made.key in floors}
    of_floors = jobs[jobs["path"].isin(paths)]
    print(f"{chosen.experiment} on {chosen.device}, {os.cpu_count()} CPU cores, {platform.machine()}, {code_version()}")
    print(json.dumps(package_versions()))
    print(f"n = {chosen.runs} runs, median (least to largest); {len(timed)} of {len(scores)} reference models timed")
    added(plan, timed[:1], chosen.device)  # imports, and caches of the file system
    runs = [added(plan, timed, chosen.device) for _ in range(chosen.runs)]
    print(jobs.groupby("stage", sort=False)[["wall", "cpu"]].agg(["size", "sum"]).to_string(float_format="%.4g"))
    for clock in ("wall", "cpu"):
        report(clock, jobs, runs, float(of_floors[clock].sum()), len(scores) / len(timed))


if __name__ == "__main__":
    main()
