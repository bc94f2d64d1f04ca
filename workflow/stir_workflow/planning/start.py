"""What the Snakefile does first: read the configuration, plan, set bad artifacts aside."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from stir.errors import StirError, near_matches
from stir.names import shortened
from stir_workflow.planning.apart import check_apart
from stir_workflow.planning.artifact import Artifacts
from stir_workflow.planning.cache import drop_incomplete, set_bad_aside
from stir_workflow.planning.loading import ExperimentError, load_experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.published import check_published, origin
from stir_workflow.planning.reading import find_experiment, is_file, read_experiment

DEFAULT = "quickstart"
"""The experiment that is run where none is named."""
CONFIG_KEYS = ("experiment", "scale", "device", "vary")


def start(config: Mapping[str, str], *, main_process: bool, undisturbed: bool = True) -> Artifacts:
    """Plan the experiments that ``--config experiment=... scale=...`` names, one or several with commas between.

    With ``vary=...``, their sensitivity studies are planned as well.

    Parameters
    ----------
    config : mapping
        Snakemake's configuration.
    main_process : bool
        Whether this is the process that the user started. The processes that run
        single jobs for it do not check again.
    undisturbed : bool
        Whether no other clone's run is at work on the artifacts, so that bad ones can be told and set aside.

    Raises
    ------
    ExperimentError
        If an experiment cannot be run as it stands.
    """
    for key in config:
        if key not in CONFIG_KEYS:
            raise ExperimentError(f"--config: unknown key {shortened(key)}. {near_matches(key, CONFIG_KEYS)}")
    said = {key: _text(config, key) for key in CONFIG_KEYS}
    scale, paths = said["scale"], experiment_files(said["experiment"] or DEFAULT)
    names = [read_experiment(path).name(scale) for path in paths]
    if main_process:
        check_apart(paths, scale)
    files = zip(names, paths, strict=True)
    plans = [Plan(name, load_experiment(path, scale), origin=origin(path), scale=scale) for name, path in files]
    _check_names(plans, paths)
    if main_process:
        check_published(plans, paths, scale)
    planned: Sequence[Artifacts] = plans if said["vary"] is None else _studies(plans, paths, said["vary"])
    plan = planned[0] if len(planned) == 1 else Artifacts(made for each in planned for made in each.by_path.values())
    if main_process and undisturbed:
        say_set_aside(plan)
        drop_incomplete(plan.by_path.values())
    return plan


def _studies(plans: Sequence[Plan], paths: Sequence[Path], vary: str) -> list[Artifacts]:
    """Plan the experiments with their variants."""
    from stir_workflow.planning.study import Study
    from stir_workflow.planning.variants import settings_to_vary, variants_of

    try:
        varied = settings_to_vary(vary)
    except StirError as error:
        raise ExperimentError(f"--config vary: {error}") from error
    studies: list[Artifacts] = []
    for plan, path in zip(plans, paths, strict=True):
        try:
            studies.append(Study(plan, variants_of(plan.experiment, varied)))
        except StirError as error:
            raise ExperimentError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error
    return studies


def say_set_aside(plan: Artifacts) -> None:
    """Set bad artifacts aside, and say so."""
    for line in set_bad_aside(plan.paths()):
        print(line, file=sys.stderr)


def _text(config: Mapping[str, object], key: str) -> str | None:
    """Return a value of ``--config``, which Snakemake reads as YAML; None if there is none."""
    value = config.get(key)
    if not isinstance(value, str | int | float | None):
        raise ExperimentError(f"--config: expected {key} as a text; got {shortened(value)}; YAML reads it so, leave out ': '.")
    return None if value is None else str(value)


def experiment_files(named: str) -> list[Path]:
    """Return the files of experiments that are named with commas between; a folder may have one in its own name."""
    names = [named] if is_file(named) else named.split(",")
    return list(dict.fromkeys(find_experiment(name.strip()) for name in names))


def _check_names(plans: Sequence[Plan], paths: Sequence[Path]) -> None:
    for name, count in Counter(plan.name for plan in plans).items():
        if count > 1:
            files = " and ".join(str(path) for plan, path in zip(plans, paths, strict=True) if plan.name == name)
            raise ExperimentError(f"--config: {files} would both write the tables {name!r}; run one after the other is renamed.")
