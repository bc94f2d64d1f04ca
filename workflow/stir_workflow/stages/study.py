"""Stage study: how far scores and the ranking of pairs move in the variants of an experiment, as a table and a figure."""

from stir_workflow.stages.job import Job


def make(job: Job) -> None:
    """Compare the table of an experiment, the first, with those of its variants; write and stamp table and figure."""
    from stir.plotting.saving import save_figure
    from stir.plotting.sensitivity import draw_sensitivity
    from stir.sensitivity import study_table
    from stir.tables import csv_text, read_table
    from stir_workflow.store.atomic import write_atomically
    from stir_workflow.store.stamps import make_keyed_folder, stamp, stamped

    experiment = job.settings["experiment"]
    own, *of_variants = (read_table(stamped(path)[f"{experiment}.csv"]) for path in job.inputs["tables"])
    table = study_table(own, list(zip(job.settings["variants"], of_variants, strict=True)), job.settings["own"])
    folder = make_keyed_folder(job.output)
    stem = folder / f"{experiment}-sensitivity"
    csv = stem.with_name(f"{stem.name}.csv")
    write_atomically(csv, csv_text(table))
    stamp(job.output, job.recipe, [csv, *save_figure(draw_sensitivity(table), stem)])
