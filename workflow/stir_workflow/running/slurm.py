"""What Snakemake's plugin for SLURM asks of the controller, asked once."""

import importlib.util
from collections.abc import Callable

PLUGIN = "snakemake_executor_plugin_slurm"
ASKS = "get_min_job_age"


def remember_settings() -> None:
    """Let the plugin keep what the controller said when it last answered.

    It asks for MinJobAge before every query. While the controller is down there is no answer, and it would query
    sacct, 400 times in a row where there is no accounting, however soon the controller is back.
    """
    if importlib.util.find_spec(PLUGIN) is None:
        return
    plugin = importlib.import_module(PLUGIN)
    setattr(plugin, ASKS, remembered(getattr(plugin, ASKS)))


def remembered(ask: Callable[[], int | None]) -> Callable[[], int | None]:
    """Return a function that asks until there is an answer, and gives that from then on."""
    known = [ask()]

    def answer() -> int | None:
        if known[0] is None:
            known[0] = ask()
        return known[0]

    return answer
