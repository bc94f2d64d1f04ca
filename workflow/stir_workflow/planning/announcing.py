"""Say where tables, figures and reports of experiments lie: ``python -m stir_workflow.planning.announcing EXPERIMENT SCALE``."""

import sys

from stir.errors import StirError
from stir_workflow.planning.reading import read_experiment
from stir_workflow.planning.start import DEFAULT, experiment_files


def announcement(experiment: str, scale: str = "") -> str:
    """Return a line for each experiment that is named, as after ``--config``."""
    names = [read_experiment(path).name(scale or None) for path in experiment_files(experiment or DEFAULT)]
    return "\n".join(
        f"Tables: results/tables/{name}*.csv   Figures: results/figures/{name}-*.png   Report: results/report/{name}.html"
        for name in names
    )


if __name__ == "__main__":
    try:
        print(announcement(*sys.argv[1:]))
    except StirError as error:
        sys.exit(f"error: {error}")
