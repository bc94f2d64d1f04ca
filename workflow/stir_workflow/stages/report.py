"""Stage report: one HTML page of an experiment's tables, pictures, training and provenance, which needs no other file."""

from stir_workflow.stages.job import Job


def make(job: Job) -> None:
    """Gather what an experiment came to, render it as one page in a folder of its key, and stamp that."""
    from stir_workflow.report.gathering import report_of
    from stir_workflow.report.page import render
    from stir_workflow.report.tables import read_tables
    from stir_workflow.stages.reported import beside_tables
    from stir_workflow.store.atomic import write_atomically
    from stir_workflow.store.stamps import make_keyed_folder, stamp, stamped

    experiment = job.settings["experiment"]
    tables = read_tables(stamped(job.one("table")), experiment)
    page = make_keyed_folder(job.output) / f"{experiment}.html"
    write_atomically(page, render(report_of(experiment, tables, beside_tables(job, tables))))
    stamp(job.output, job.recipe, [page])
