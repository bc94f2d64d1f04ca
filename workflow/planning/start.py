"""What the Snakefile does first: read the configuration, plan, set bad artifacts aside."""

import sys
from collections.abc import Mapping

from planning.apart import check_apart
from planning.cache import set_bad_aside
from planning.loading import ExperimentError, find_experiment, load_experiment
from planning.plan import Plan
from stir.errors import near_matches

CONFIG_KEYS = ("experiment", "device")


def start(config: Mapping[str, str], *, main_process: bool) -> Plan:
    """Plan the experiment that ``--config experiment=...`` names.

    Parameters
    ----------
    config : mapping
        Snakemake's configuration.
    main_process : bool
        Whether this is the process that the user started. The processes that run
        single jobs for it check nothing anew.

    Raises
    ------
    ExperimentError
        If the experiment cannot be run as it stands.
    """
    for key in config:
        if key not in CONFIG_KEYS:
            raise ExperimentError(f"--config: unknown key {key!r}. {near_matches(key, CONFIG_KEYS)}")
    path = find_experiment(str(config.get("experiment", "quickstart")))
    experiment = load_experiment(path)
    if main_process:
        check_apart(path)
    plan = Plan(path.stem, experiment)
    if main_process:
        for line in set_bad_aside(plan.paths()):
            print(line, file=sys.stderr)
    return plan
