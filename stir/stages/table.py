"""Stage table: scores, their summary, the models' accuracies and verdicts on statements as tidy CSV files."""

from stir.stages.job import Job

VERSION = 4
IMPORTS = ("stir.statements.registry", "stir.tables")


def make(job: Job) -> None:
    """Write the tables of an experiment, and their metrics, into a folder of its key; stamp them."""
    import json

    from stir.artifacts import checked, write_atomically
    from stir.publication import make_keyed_folder, stamp
    from stir.statements import judge
    from stir.tables import metrics, model_table, read_table, score_table, summary_table, write_table

    models, experiment = job.settings["models"], job.settings["experiment"]
    files_of_scores = [read_table(checked(path)) for path in job.inputs["scores"]]
    scores = score_table(files_of_scores, models, job.settings["images_datasets"])
    evaluations = [json.loads(checked(path).read_text(encoding="utf-8")) for path in job.inputs["evaluations"]]
    summary = summary_table(scores, {model["name"]: model["group"] for model in models})
    accuracies = model_table(evaluations, models)
    folder = make_keyed_folder(job.output)
    tables = {"": scores, "-summary": summary, "-models": accuracies}
    if statements := job.settings.get("statements"):
        tables["-verdicts"] = judge(statements, scores, accuracies)
    files = [folder / f"{experiment}{part}.csv" for part in tables]
    for path, table in zip(files, tables.values(), strict=True):
        write_table(path, table)
    for_dvc = folder / f"{experiment}-metrics.json"
    write_atomically(for_dvc, json.dumps(metrics(summary, accuracies), indent=1, allow_nan=False) + "\n")
    stamp(job.output, job.recipe, [*files, for_dvc])
