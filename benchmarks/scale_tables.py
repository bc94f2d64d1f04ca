"""Print the estimated cost of the experiment of `scale_experiment`, from counted, measured and assumed quantities."""

import argparse
import json
import os
import platform
import re
from pathlib import Path

import pandas as pd
import scale_costs as costs
import scale_counts as counts
import torch
from scale_experiment import RECIPES, scale_experiment

from stir.provenance import code_version, package_versions

BENCHMARKS = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
MODELS, TRAIN_IMAGES, TEST_IMAGES, IMAGES = 100, 50_000, 10_000, 1000


def measured_evaluations() -> float:
    """Read the number of evaluations per image of a full-width ResNet18, in float32, from the benchmarks."""
    text = BENCHMARKS.read_text(encoding="utf-8").split("resnet18 of width 64", 1)[1]
    found = re.search(r"float32: [\d.]+ s, ([\d.]+) evaluations per image", text)
    if found is None:
        raise SystemExit(f"{BENCHMARKS} does not contain the evaluations per image of a ResNet18 of width 64.")
    return float(found[1])


def print_costs(arguments: argparse.Namespace) -> None:
    """Print the tables of docs/scale.md."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    evaluations = arguments.evaluations or measured_evaluations()
    experiment = scale_experiment()
    measures, random_seeds = experiment["similarity_measures"], len(experiment["inversion"]["random_seeds"])
    sizes = {"models": MODELS, "random_seeds": random_seeds, "measures": len(measures)}
    sizes |= {"train_images": TRAIN_IMAGES, "test_images": TEST_IMAGES}
    settings = {basis: counts.describe(IMAGES, basis=basis, **sizes) for basis in ("joint", "features")}
    setting, flop, rate = settings["joint"], counts.count_flop(), arguments.teraflops * 1e12 * arguments.fraction
    work = costs.flop_of_jobs(setting, flop, epochs=int(RECIPES[0]["epochs"]), evaluations=evaluations)
    seconds = _cpu_seconds(setting, measures)
    columns = {
        "jobs": costs.jobs(setting),
        "TFLOP per job": {stage: number / 1e12 for stage, number in work.items()},
        "GPU hours (expected)": costs.gpu_hours(setting, work, flop_per_second=rate),
        "CPU s per job": seconds,
        "CPU hours": costs.cpu_hours(setting, seconds),
        "GB": costs.gigabytes(setting),
        "GB, basis: features": costs.gigabytes(settings["features"]),
    }
    table = pd.DataFrame(columns, index=list(columns["jobs"]))
    table.loc["all"] = table.drop(columns=["TFLOP per job", "CPU s per job"]).sum()
    table["jobs"] = table["jobs"].astype(int)
    print(f"{MODELS} ResNet18s of width 64, {IMAGES} images of 32x32x3, ", end="")
    print(f"{len(setting.features)} layers, {random_seeds} random seeds, basis: joint")
    print("features: " + ", ".join(f"{layer} {features}" for layer, features in setting.features.items()))
    print(f"{evaluations:g} evaluations per image; {arguments.fraction:g} of {arguments.teraflops:g} TFLOP/s ({arguments.card})")
    print(table.to_string(float_format=lambda number: f"{number:,.4g}", na_rep=""))
    print(f"{os.cpu_count()} CPU cores, 2 threads, {platform.machine()}, {code_version()}, {json.dumps(package_versions())}")


def _cpu_seconds(setting: costs.Setting, measures: list[str]) -> dict[str, float]:
    """Measure the work that jobs do on the CPU for any device: checked reading, joint bases, scores."""
    to_read = counts.seconds_to_read()
    iris = len(setting.features) * setting.random_seeds * costs.bytes_of_iri(setting) / 1e9
    representations = (setting.models + 1) * costs.bytes_of_representation(setting) / 1e9
    return {
        "representation": counts.seconds_of_joint_bases(setting) + to_read * iris,
        "score": counts.seconds_of_scorings(setting, measures) + to_read * representations,
    }
