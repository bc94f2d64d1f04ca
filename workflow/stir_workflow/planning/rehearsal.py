"""Judge an experiment's statements on scores that are made up: what they lack, they lack before any job runs."""

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from stir.errors import near_matches
from stir_workflow.planning.fitting import said
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reference_entries import Reference
from stir_workflow.planning.settings import attacks_of

if TYPE_CHECKING:
    import pandas as pd

MADE_UP = {"stir": 0.5, "similarity": 0.5, "converged_fraction": 1.0}


def statements(experiment: Experiment) -> Iterator[str]:
    """Find statements that are unknown, or that compare models which the experiment does not have."""
    if not experiment["statements"]:
        return
    from stir_workflow.statements import NAMES, judge

    tables = made_up_tables(experiment)
    for number, name in enumerate(experiment["statements"]):
        if name in NAMES:
            yield from said(f"statements[{number}]", judge, [name], *tables)
        else:
            yield f"statements[{number}]: unknown {name!r}. {near_matches(name, NAMES)}"


def made_up_tables(experiment: Experiment) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return the tables of scores and of models that the experiment would have, with numbers that mean nothing."""
    import pandas as pd

    plan = Plan("", experiment)
    of_models = [reference for reference in plan.references if reference.model not in plan.further]
    scores = [row for reference in of_models for row in _rows(experiment, plan, reference)]
    attacks = [{f"attack_{key}": attack[key] for key in ("norm", "eps", "steps")} for attack in attacks_of(experiment)]
    accuracies = dict.fromkeys(("clean_accuracy", "robust_accuracy"), 0.5 if attacks else None) | {"flag": ""}
    nothing = dict.fromkeys(("attack_norm", "attack_eps", "attack_steps"))
    models = [
        {"model": model.name, **model.row(), **accuracies, **attack} for model in plan.models for attack in attacks or [nothing]
    ]
    return pd.DataFrame(scores), pd.DataFrame(models)


def _rows(experiment: Experiment, plan: Plan, reference: Reference) -> Iterator[dict[str, object]]:
    axes = (
        plan.models,
        range(len(experiment["layers"])),
        experiment["inversion"]["random_seeds"],
        experiment["similarity_measures"],
    )
    for target, layer, random_seed, measure in product(*axes):
        yield {
            "reference_model": reference.model.name,
            "target_model": target.name,
            **reference.model.layers[layer].columns("reference"),
            **target.layers[layer].columns("target"),
            "similarity_measure": measure,
            "images_dataset": reference.images,
            "random_seed": random_seed,
            **MADE_UP,
        }
