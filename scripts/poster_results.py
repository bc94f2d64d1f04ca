"""Copy an experiment's tables and figure out of results/, with their settings, devices, versions and times."""

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from stir_workflow.statements.names import NAMES

FIGURES = {
    "random_init": ["bars-linear_cka", "penultimate-images"],
    "losses_architectures": ["penultimate-linear_cka"],
    "training_datasets": ["layer_curves-linear_cka"],
    "random_init_layers": ["layer_curves-linear_cka"],
    "defences": ["penultimate-linear_cka"],
    "more_data": ["growth-linear_cka"],
}
"""The figure of each experiment in the poster's form."""
DIGITS = "%.4g"
"""Columns of stored scores; results/ has all columns."""
DEFAULT_SCALE = "small"
"""Default scale of the six experiments, whose results are published without a scale in their names."""
KEY = "[0-9a-f]" * 10
Seal = dict[str, Any]


def keep(results: Path, kept: Path, scale: str) -> list[str]:
    """Copy the available results of the six experiments at a scale; return their names.

    Stored files of experiments without results are kept.
    """
    seals, times = _seals(results), _times(results)
    found: list[str] = []
    together: dict[str, Seal] = {}
    for name in NAMES:
        published = name if scale == DEFAULT_SCALE else f"{name}-{scale}"
        stamps = sorted((results / "publications").glob(f"{published}-{KEY}.stamp.json"))
        if not stamps:
            continue
        (stamp,) = stamps
        kept.mkdir(parents=True, exist_ok=True)
        _keep_tables(published, results / "tables", kept / name)
        _keep_figures(published, FIGURES[name], results / "figures", kept / name)
        key = json.loads(stamp.read_text(encoding="utf-8"))["key"]
        ancestry = _ancestry(key, seals)
        _write(kept / f"{name}-provenance.json", _made_by(key, ancestry, times))
        together |= ancestry
        found.append(name)
    if found:
        _write(kept / "together.json", {"experiments": found, **_took(together, times)})
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _keep_tables(published: str, tables: Path, kept: Path) -> None:
    for part in ("", "-summary", "-models", "-verdicts"):
        file = tables / f"{published}{part}.csv"
        if file.is_file():
            pd.read_csv(file).to_csv(kept.with_name(f"{kept.name}{part}.csv"), index=False, float_format=DIGITS)


def _keep_figures(published: str, names: list[str], figures: Path, kept: Path) -> None:
    for name in names:
        file = figures / f"{published}-{name}.png"
        if file.is_file():
            shutil.copyfile(file, kept.with_name(f"{kept.name}-{name}.png"))


def _seals(results: Path) -> dict[str, Seal]:
    """Return key -> seal of all artifacts."""
    seals = {}
    for folder in (results, results.parent / "data" / "datasets"):
        for path in folder.rglob("*-*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(content, dict) and {"key", "recipe"} <= content.keys():
                seals[content["key"]] = content
    return seals


def _times(results: Path) -> dict[str, float]:
    """Return key -> seconds of a job's own work."""
    files = (results / "benchmarks").rglob("*.tsv")
    return {file.stem.rsplit("-", 1)[1]: float(pd.read_csv(file, sep="\t")["s"].iloc[0]) for file in files}


def _ancestry(key: str, seals: dict[str, Seal]) -> dict[str, Seal]:
    """Return the seals of an artifact and of everything it depends on."""
    found: dict[str, Seal] = {}
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one in seals and one not in found:
            found[one] = seals[one]
            for inputs in seals[one]["recipe"]["inputs"].values():
                waiting += [inputs] if isinstance(inputs, str) else inputs
    return found


def _by_stage(made: dict[str, Seal]) -> dict[str, list[tuple[str, Seal]]]:
    by_stage = defaultdict(list)
    for key, seal in made.items():
        by_stage[seal["recipe"]["stage"]].append((key, seal))
    return by_stage


def _took(made: dict[str, Seal], times: dict[str, float]) -> dict[str, Any]:
    """Count jobs, and the seconds of their own work, by stage."""
    stages = sorted(_by_stage(made).items())
    return {
        "jobs": {stage: len(of_stage) for stage, of_stage in stages},
        "seconds": {stage: round(sum(times.get(key, 0.0) for key, _ in of_stage), 1) for stage, of_stage in stages},
    }


def _made_by(key: str, ancestry: dict[str, Seal], times: dict[str, float]) -> dict[str, Any]:
    """Return the provenance of an experiment's artifacts, from the seals of everything its tables and figures depend on."""
    by_stage = _by_stage(ancestry)
    return {
        "checkpoints": _distinct(by_stage["checkpoint"], without=("random_seed", "threads")),
        "iris": _distinct(by_stage["iri"], without=("random_seed", "threads", "layer", "batch_size")),
        "devices": {
            stage: sorted({seal.get("device_kind", seal["device"]) for _, seal in by_stage[stage]})
            for stage in ("checkpoint", "iri")
        },
        **_took(ancestry, times),
        "versions": ancestry[key]["versions"],
        "code_version": ancestry[key]["code_version"],
    }


def _distinct(made: list[tuple[str, Seal]], *, without: tuple[str, ...]) -> list[dict[str, Any]]:
    settings = [{name: value for name, value in seal["recipe"]["settings"].items() if name not in without} for _, seal in made]
    return [json.loads(text) for text in sorted({json.dumps(each, sort_keys=True) for each in settings})]
