"""Run an experiment as its rules do, one command ``stir make`` after another, but in this process."""

from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from stir.tables import read_table
from stir_workflow.cli import main
from stir_workflow.planning.loading import load_experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.store.facts import PARTS
from stir_workflow.store.stamps import stamped


def run(experiment):
    """Make the tables of an experiment file in its folder; return the plan."""
    plan = Plan(experiment.stem, load_experiment(experiment))
    with chdir(experiment.parent):
        needed = set(plan.closure("table"))
        for path, made in plan.by_path.items():
            if path in needed and made.recipe.stage not in PARTS:
                ran = CliRunner().invoke(main, _command(made), catch_exceptions=False)
                assert ran.exit_code == 0, ran.output
    return plan


def _command(made):
    """Return the arguments that a rule passes to ``stir``."""
    files = [argument for role, paths in made.inputs.items() for argument in (f"--{role}", *paths)]
    named = {"--settings": made.settings, "--output": made.path, "--source": made.source, "--code": made.code}
    options = [argument for name, value in named.items() if value is not None for argument in (name, value)]
    return ["make", made.recipe.stage, "--device", "cpu", *files, *options]


def table_of(experiment, plan):
    """Return the table of scores."""
    with chdir(experiment.parent):
        return read_table(stamped(Path(plan.table.path))[f"{experiment.stem}.csv"])
