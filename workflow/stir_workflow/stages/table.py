"""Stage table: scores, their summary, the models' accuracies and verdicts on statements as tidy CSV files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir_workflow.stages.job import Job
from stir_workflow.stages.layer_setting import LayerSetting

if TYPE_CHECKING:
    import pandas as pd

RESIZE = "bilinear, antialias"
DIGITS = 12
"""Of the SHA-256 of a Python file."""


def make(job: Job) -> None:
    """Write the tables of an experiment, and their metrics, into a folder of its key; stamp them, and say what is flagged."""
    import json
    import sys

    from stir.summaries import metrics, summary_table
    from stir.tables import csv_text
    from stir_workflow.statements import judge
    from stir_workflow.store.atomic import write_atomically
    from stir_workflow.store.stamps import make_keyed_folder, stamp

    experiment = job.settings["experiment"]
    scores, accuracies = _scores_and_models(job)
    summary = summary_table(scores, {model["name"]: model["group"] for model in job.settings["models"]})
    folder = make_keyed_folder(job.output)
    tables = {"": scores, "-summary": summary, "-models": accuracies}
    if statements := job.settings.get("statements"):
        tables["-verdicts"] = judge(statements, scores, accuracies)
    files = [folder / f"{experiment}{part}.csv" for part in tables]
    for path, table in zip(files, tables.values(), strict=True):
        write_atomically(path, csv_text(table))
    for_dvc = folder / f"{experiment}-metrics.json"
    write_atomically(for_dvc, json.dumps(metrics(summary, accuracies), indent=1, allow_nan=False) + "\n")
    stamp(job.output, job.recipe, [*files, for_dvc])
    for line in _flagged(scores, accuracies):
        print(f"{experiment}: {line}", file=sys.stderr)


def _scores_and_models(job: Job) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Put together the tables of scores and of models, each with its flags."""
    import json

    from stir.flags import of_scores
    from stir.tables import check_rows, model_table, score_table
    from stir_workflow.store.artifacts import checked
    from stir_workflow.store.scores import read_scores

    settings = job.settings
    models = [model | _facts(path) for model, path in zip(settings["models"], job.inputs["checkpoints"], strict=True)]
    files = [read_scores(path).rows for path in job.inputs["scores"]]
    scores = score_table(files, models, settings["images_datasets"])
    asked = {key: settings[key] for key in ("similarity_measures", "random_seeds", "images_datasets")}
    layers = {model["name"]: [LayerSetting.of(layer).text for layer in model["layers"]] for model in models}
    check_rows(scores, layers, **asked)
    evaluated = job.inputs.get("evaluations", [])
    evaluations = [row for path in evaluated for row in json.loads(checked(path).read_text(encoding="utf-8"))]
    accuracies = model_table(evaluations, models)
    return scores.assign(flags=of_scores(scores, accuracies)), accuracies


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
