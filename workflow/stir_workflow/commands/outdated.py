"""Say whether the tables of an experiment are those of its settings and images as they are now."""

import shlex
from pathlib import Path

from stir_workflow.messages import say


def say_if_outdated(experiment: str, scale: str | None) -> None:
    """Say in one line on standard error if the published tables of an experiment are not those that a run would publish.

    Experiments that can no longer be planned, since images are gone for instance, keep their tables: why is said in the line.

    Parameters
    ----------
    experiment : str
        Its name or path.
    scale : str or None
        The scale that is asked for.
    """
    from stir.errors import StirError
    from stir_workflow.commands.report import planned
    from stir_workflow.store.stamps import STAMP

    remedy = f"renew it: {run_command(experiment, scale)}"
    try:
        plan = planned(experiment, scale)
    except StirError as error:
        first, *_ = str(error).splitlines()
        say(f"[stir] not compared with the experiment as it is now, which cannot be planned: {first}")
        return
    stamp = Path(plan.publication.path)
    if stamp.is_file():
        return
    if any(stamp.parent.glob(f"{plan.name}-*{STAMP}")):
        say(f"[stir] this table of {plan.name} is of other settings or images than those of now; {remedy}")
    else:
        say(f"[stir] nothing in {stamp.parent} says which settings and images this table of {plan.name} is of; {remedy}")


def run_command(experiment: str, scale: str | None) -> str:
    """Return the command that makes an experiment's tables."""
    return shlex.join(["stir", "run", experiment, *(["--scale", scale] if scale else [])])
