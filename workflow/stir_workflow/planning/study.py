"""Experiment -> artifacts of its sensitivity study: the experiment, its variants, and what compares their tables."""

from collections.abc import Sequence
from pathlib import Path

from stir.errors import InvalidInputError
from stir.names import NAME_LENGTH
from stir_workflow.planning.artifact import Artifact, Artifacts, artifact
from stir_workflow.planning.naming import SENSITIVITY
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.variants import SETTINGS, Variant

COUNTED = ("checkpoint", "iri", "pair", "score")
"""Stages whose files ``stir sensitivity --dry-run`` counts."""


class Study(Artifacts):
    """All artifacts of an experiment and of its variants, up to their tables, and those of the study.

    Parameters
    ----------
    plan : Plan
        Of the experiment.
    variants : sequence of Variant
        Of it.

    Raises
    ------
    InvalidInputError
        If the experiment's name is too long for the study's.
    """

    def __init__(self, plan: Plan, variants: Sequence[Variant]) -> None:
        self.name, self.base = plan.name, plan
        self.plans = [(variant, Plan(plan.name, variant.experiment)) for variant in variants]
        name = f"{plan.name}{SENSITIVITY}"
        if len(name) > NAME_LENGTH:
            raise InvalidInputError(
                f"Expected a name of at most {NAME_LENGTH} characters for the study; got {name!r}. Rename the file."
            )
        tables = [plan.table, *(planned.table for _, planned in self.plans)]
        self.study = artifact("study", plan.name, _settings(plan, variants), tables=tables)
        self.publication = artifact("publication", name, {"experiment": name}, plan.publication.source, sensitivity=self.study)
        of_variants = (made for _, planned in self.plans for made in _up_to_table(planned))
        super().__init__([*plan.by_path.values(), *of_variants, self.study, self.publication])

    def targets(self) -> list[str]:
        """Return what the rule sensitivity asks for."""
        return [self.publication.path]

    def counts(self) -> list[tuple[str, ...]]:
        """Return a header, and for the experiment and each variant how many files of each stage are to be made, of how many."""
        known: set[str] = set()
        rows: list[tuple[str, ...]] = [("to make", *COUNTED)]
        for name, planned in [("experiment", self.base), *((f"{v.setting} {v.text}", plan) for v, plan in self.plans)]:
            paths = [planned.stage_paths(stage) for stage in COUNTED]
            new = [[path for path in of_stage if path not in known and not Path(path).exists()] for of_stage in paths]
            rows.append((name, *(f"{len(made)} of {len(of_stage)}" for made, of_stage in zip(new, paths, strict=True))))
            known.update(*paths)
        return rows


def _settings(plan: Plan, variants: Sequence[Variant]) -> dict[str, object]:
    own = {variant.setting: SETTINGS[variant.setting].own(plan.experiment) for variant in variants}
    return {
        "experiment": plan.name,
        "own": {setting: _text(value) for setting, value in own.items()},
        "variants": [{"setting": variant.setting, "value": variant.text} for variant in variants],
    }


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "several" if value is None else str(value)


def _up_to_table(plan: Plan) -> list[Artifact]:
    return [plan.by_path[path] for path in plan.closure("table")]
