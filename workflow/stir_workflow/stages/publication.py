"""Stage publication: copies of the tables and figures under names that stay when a setting changes."""

from stir_workflow.stages.job import Job


def make(job: Job) -> None:
    """Copy an experiment's tables and figures out of their keyed folders, and stamp the copies."""
    import sys

    from stir_workflow.store.publication import publish

    for line in publish(job.output, job.recipe, [stamp for stamps in job.inputs.values() for stamp in stamps], job.source):
        print(line, file=sys.stderr)
