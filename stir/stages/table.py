"""Stage table: scores, their summary and the models' accuracies as tidy CSV files."""

from stir.stages.job import Job

VERSION = 2
IMPORTS = ("stir.tables",)


def make(job: Job) -> None:
    """Write the three tables of an experiment under their fixed names, and stamp them."""
    import json

    from stir.artifacts import checked
    from stir.publication import stamp
    from stir.tables import model_table, read_table, score_table, summary_table, write_table

    models, experiment = job.settings["models"], job.settings["experiment"]
    scores = score_table([read_table(checked(path)) for path in job.inputs["scores"]], models)
    evaluations = [json.loads(checked(path).read_text(encoding="utf-8")) for path in job.inputs["evaluations"]]
    tables = {
        f"{experiment}.csv": scores,
        f"{experiment}-summary.csv": summary_table(scores, {model["name"]: model["group"] for model in models}),
        f"{experiment}-models.csv": model_table(evaluations, models),
    }
    for name, table in tables.items():
        write_table(job.output.with_name(name), table)
    stamp(job.output, job.recipe, [job.output.with_name(name) for name in tables])
