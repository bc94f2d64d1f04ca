"""Stage table: scores, their summary, the models' accuracies and verdicts on statements as tidy CSV files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir_workflow.stages.job import Job
from stir_workflow.stages.layer_setting import LayerSetting

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from stir_workflow.store.scores import Scores

RESIZE = "bilinear, antialias"
DIGITS = 12
"""Of the SHA-256 of a Python file."""


@dataclass(frozen=True)
class Tables:
    """Tables of scores and of models, and what is beside their rows."""

    scores: "pd.DataFrame"
    models: "pd.DataFrame"
    without_each: "np.ndarray"
    """(rows, n): STIR of each row of ``scores`` without each image."""


def make(job: Job) -> None:
    """Write the tables of an experiment, and their metrics, into a folder of its key; stamp them, and say what is flagged."""
    import json
    import sys

    from stir.summaries import metrics, summary_and_differences
    from stir.tables import csv_text
    from stir_workflow.stages.per_image import write_per_image
    from stir_workflow.statements import judge
    from stir_workflow.store.atomic import write_atomically
    from stir_workflow.store.scores import read_scores
    from stir_workflow.store.stamps import make_keyed_folder, stamp

    settings, experiment = job.settings, job.settings["experiment"]
    files = [read_scores(path) for path in job.inputs["scores"]]
    made = _tables(job, files)
    groups = {model["name"]: model.get("group", model["name"]) for model in _named(job)}
    summary, differences = summary_and_differences(made.scores, groups, made.without_each)
    folder = make_keyed_folder(job.output)
    tables = {"": made.scores, "-summary": summary, "-differences": differences, "-models": made.models}
    if statements := settings.get("statements"):
        tables["-verdicts"] = judge(statements, made.scores, made.models, without_each=made.without_each)
    written = [folder / f"{experiment}{part}.csv" for part in tables]
    for path, table in zip(written, tables.values(), strict=True):
        write_atomically(path, csv_text(table))
    for_dvc, per_image = folder / f"{experiment}-metrics.json", folder / f"{experiment}-per_image.h5"
    write_atomically(for_dvc, json.dumps(metrics(summary, made.models), indent=1, allow_nan=False) + "\n")
    images = {"images_datasets": settings["images_datasets"], "datasets": job.inputs["datasets"]}
    write_per_image(per_image, job.recipe, files, names={each["checkpoint"]: each["name"] for each in _named(job)}, **images)
    stamp(job.output, job.recipe, [*written, for_dvc, per_image])
    for line in _flagged(made.scores, made.models):
        print(f"{experiment}: {line}", file=sys.stderr)


def _named(job: Job) -> list[dict[str, Any]]:
    """Return the models, and the references that are none of them."""
    return [*job.settings["models"], *job.settings.get("references", [])]


def _tables(job: Job, files: "Sequence[Scores]") -> Tables:
    """Put together the tables of scores and of models, each with its flags."""
    import json

    import numpy as np

    from stir.flags import of_scores
    from stir.tables import check_rows, model_table, score_table
    from stir_workflow.store.artifacts import checked

    settings, named = job.settings, _named(job)
    scores = score_table([each.rows for each in files], named, settings["images_datasets"])
    without_each = np.concatenate([each.without_each for each in files])[scores.index]
    scores = scores.reset_index(drop=True)
    layers = {each["name"]: [LayerSetting.of(layer).text for layer in each["layers"]] for each in named}
    targets = [model["name"] for model in settings["models"]]
    own = {each["name"]: each["random_seeds"] for each in named if "random_seeds" in each}
    asked = {key: settings[key] for key in ("similarity_measures", "random_seeds", "images_datasets")}
    check_rows(scores, layers, targets=targets, own_random_seeds=own, **asked)
    models = [model | _facts(path) for model, path in zip(settings["models"], job.inputs["checkpoints"], strict=True)]
    evaluated = job.inputs.get("evaluations", [])
    evaluations = [row for path in evaluated for row in json.loads(checked(path).read_text(encoding="utf-8"))]
    accuracies = model_table(evaluations, models)
    return Tables(scores.assign(flags=of_scores(scores, accuracies)), accuracies, without_each)


def _facts(path: Path) -> dict[str, Any]:
    """Return what a checkpoint says of its network: classes, preprocessing, and of other libraries' the weights and the code."""
    from stir.models import checkpoint_facts, read_metadata
    from stir_workflow.store.artifacts import checked, sealed_recipe

    facts, settings = checkpoint_facts(checked(path)), sealed_recipe(path).settings
    resize = {"resize": RESIZE} if facts.get("input_size") else {}
    initial = "random" if "random_seed" in settings and "training" not in settings else None
    weights = read_metadata(path).get("architecture", {}).get("weights") or initial
    return facts | resize | {"weights": weights, "code": _shown(settings.get("code", {}))}


def _shown(code: Mapping[str, Any]) -> str | None:
    """Return what tables say of code: ``timm 1.0.20``, ``models.py 3fa4b2c19d20``."""
    files = {name: digest[:DIGITS] for name, digest in code.get("files", {}).items()}
    versions = {name: version for name, version in code.items() if name != "files"}
    return "; ".join(f"{name} {which}" for name, which in (versions | files).items()) or None


def _flagged(scores: "pd.DataFrame", models: "pd.DataFrame") -> list[str]:
    """Say what is flagged, with the models named: a line for each flag."""
    from stir.flags import MEANINGS, flagged_models

    of_scores = [f"{word} ({MEANINGS[word]}): {', '.join(names)}" for word, names in flagged_models(scores).items()]
    flagged = models[models["flag"] != ""][["model", "flag"]].drop_duplicates()
    found = of_scores + [f"{model}: {flag}" for model, flag in flagged.itertuples(index=False)]
    return found and [*found, "docs/warnings.md says what each flag means, and what to do."]
