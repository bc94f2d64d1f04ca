"""Cache a query of Snakemake's SLURM plugin to the controller."""

import importlib.util
from collections.abc import Callable

PLUGIN = "snakemake_executor_plugin_slurm"
ASKS = "get_min_job_age"


def remember_settings() -> None:
    """Make the plugin cache the controller's answer.

    The plugin queries MinJobAge before every status check. While the controller is down there is no answer, and the plugin
    would query sacct, repeatedly up to 400 times if there is no accounting, even if the controller is soon back.
    """
    if importlib.util.find_spec(PLUGIN) is None:
        return
    plugin = importlib.import_module(PLUGIN)
    setattr(plugin, ASKS, remembered(getattr(plugin, ASKS)))


def remembered(ask: Callable[[], int | None]) -> Callable[[], int | None]:
    """Return a function that queries until there is an answer, and then returns that answer."""
    known = [ask()]

    def answer() -> int | None:
        if known[0] is None:
            known[0] = ask()
        return known[0]

    return answer
