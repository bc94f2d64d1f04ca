"""Say where tables, figures and reports of experiments lie."""

from stir_workflow.planning.reading import read_experiment
from stir_workflow.planning.start import experiment_files


def announcement(experiment: str, scale: str = "") -> str:
    """Return a line for each experiment that is named, as after ``--config``."""
    names = [read_experiment(path).name(scale or None) for path in experiment_files(experiment)]
    return "\n".join(
        f"Tables: results/tables/{name}*.csv   Figures: results/figures/{name}-*.png   Report: results/report/{name}.html"
        for name in names
    )
