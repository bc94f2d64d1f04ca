"""What a schema cannot know of an experiment: names that must exist, numbers that must fit."""

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from stir.errors import near_matches
from stir_workflow.planning import fake_relus, fitting, layers, networks, patterns, reference_entries, references, rehearsal
from stir_workflow.planning.addresses import TORCHVISION, is_address, key_of_architecture
from stir_workflow.planning.fitting import said
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import PlannedModel
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reading import read_experiment, refuse
from stir_workflow.planning.settings import attacks_of, has_patterns, inversion_settings, training_settings

Check = Callable[[Experiment], Iterable[str]]


def check_meaning(experiment: Experiment, path: Path, *, scale: str | None = None, sources: bool = True) -> None:
    """Refuse an experiment that would fail in a job.

    Parameters
    ----------
    experiment : Experiment
        What the file says, with defaults.
    path : Path
        The file, to be named; or one that it extends, where that is what says so.
    scale : str, optional
        The scale at which it says so.
    sources : bool
        Whether checkpoint files that it names must be there.

    Raises
    ------
    ExperimentError
        Listing everything that is wrong: file, value, what was expected, near matches.
    """
    last = [*LAST, networks.checkpoints, reference_entries.contents] if sources else LAST

    def check(*checks: Check) -> None:
        if problems := [problem for each in checks for problem in each(experiment)]:
            refuse(read_experiment(path).parts(scale), problems)

    check(*FIRST)
    check(*THEN)
    if has_patterns(experiment):
        experiment, problems = patterns.expanded(experiment)
        check(lambda _: problems)
        check(references.problems_of_references)
    check(*last)


def _recipes(experiment: Experiment) -> Iterator[str]:
    from stir.training import Attack, check_draws_nothing
    from stir_workflow.stages.checkpoint import training_recipe

    several = isinstance(experiment["evaluation"], list)
    attacks = {f"evaluation[{n}]" if several else "evaluation": attack for n, attack in enumerate(attacks_of(experiment))}
    for number, recipe in enumerate(experiment["training"]):
        own = {f"training[{number}].attack": recipe["attack"]} if "attack" in recipe else {}
        wrong = [problem for place, attack in own.items() for problem in said(place, Attack, **attack)]
        yield from wrong or said(f"training[{number}]", training_recipe, training_settings(recipe))
    for place, attack in attacks.items():
        wrong = list(said(place, Attack, **attack))
        yield from wrong or said(place, check_draws_nothing, Attack(**attack))


def inversions(experiment: Experiment) -> Iterator[str]:
    """Find settings of inversions that there are not, or that do not go together."""
    yield from _registries(experiment)
    yield from _inversion(experiment)


def _inversion(experiment: Experiment) -> Iterator[str]:
    from stir.inversion import METHODS, InversionSettings
    from stir.seed_images import SEED_IMAGES

    inversion = experiment["inversion"]
    if inversion["method"] in METHODS and inversion["seed_images"] in SEED_IMAGES:
        yield from said("inversion", InversionSettings, **inversion_settings(inversion))


def _registries(experiment: Experiment) -> Iterator[str]:
    """Check names against the registries of the library."""
    from stir.inversion import METHODS
    from stir.models import ARCHITECTURES
    from stir.seed_images import SEED_IMAGES
    from stir.similarity import SIMILARITY_MEASURES
    from stir_workflow.stages.figure import FIGURES

    inversion = experiment["inversion"]
    named: list[tuple[str, str, Collection[str]]] = [
        ("inversion.method", inversion["method"], METHODS),
        ("inversion.seed_images", inversion["seed_images"], SEED_IMAGES),
    ]
    named += [("similarity_measures", measure, SIMILARITY_MEASURES) for measure in experiment["similarity_measures"]]
    named += [("figures", kind, FIGURES) for kind in experiment["figures"]]
    for number, model in enumerate(experiment["models"]):
        architecture = model["architecture"]
        if is_address(architecture):
            continue  # to be built, as soon as it is known what for
        named.append((f"models[{number}].{key_of_architecture(model)}", architecture, ARCHITECTURES))
        for key in {"normalisation", "mean"} & model.keys() if not architecture.startswith(TORCHVISION) else ():
            yield f"models[{number}].{key}: weights of {architecture!r} carry their own; leave it out"
    for place, name, registry in named:
        if name not in registry:
            yield f"{place}: unknown {name!r}. {near_matches(name, registry)}"


def _rotations(experiment: Experiment) -> Iterator[str]:
    """Find measures that cannot read representations in another basis."""
    from stir.similarity import SIMILARITY_MEASURES

    if experiment["representations"]["basis"] != "joint":
        return
    for name in experiment["similarity_measures"]:
        if name in SIMILARITY_MEASURES and not SIMILARITY_MEASURES[name].rotation_invariant:
            yield f"similarity_measures: {name!r} changes under rotations; set representations.basis to features, or leave it out"


def _same_models(experiment: Experiment) -> Iterator[str]:
    """Find models that are one model under two names: its scores would count twice."""
    names: dict[str, str] = {}
    plan = Plan("", fitting.full_sets(experiment))
    for model in [*plan.models, *(reference for reference in plan.further if isinstance(reference, PlannedModel))]:
        if (first := names.setdefault(model.checkpoint.key, model.name)) != model.name:
            yield f"models: {first!r} and {model.name!r} have the same settings, so they are one model; leave one out"


FIRST: list[Check] = [
    references.problems_of_references,
    references.effects,
    _recipes,
    _registries,
    _inversion,
    _rotations,
    layers.image_numbers,
    layers.poolings,
]
THEN: list[Check] = [networks.shapes]
"""Of names that are known."""
LAST: list[Check] = [layers.use, fake_relus.fake_relus, networks.outputs, _same_models, rehearsal.statements]
