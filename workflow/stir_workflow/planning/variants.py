"""Variants of an experiment for its sensitivity study: each differs from the experiment in one setting."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stir.errors import InvalidInputError, near_matches
from stir.names import FLATTEN, layer_slug, shortened
from stir.table_controls import LEAST_IMAGES_OF_INTERVAL
from stir_workflow.planning.fitting import image_counts, said
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.settings import Layer, n_scored

ALL = "all"
FACTORS = (1.5, 2.0)
"""Of the tolerance."""
PARTS = (2, 4)
"""Of the images: the first half, and the first quarter."""
POOLINGS = (FLATTEN, "global_average", "global_max", "class_token")
"""One of each kind: other names give the same numbers, or take a number that nobody has chosen."""
SAME = {"spatial_mean": "global_average", "token_mean": "global_average"}
LOOSEST = 1.0
"""Tolerance, as the schema has it."""


@dataclass(frozen=True)
class Variant:
    """An experiment that differs from another one in one setting."""

    setting: str
    """Of `SETTINGS`."""
    value: Any
    experiment: Experiment

    @property
    def text(self) -> str:
        """What tables and messages call its value."""
        return f"{self.value:g}" if isinstance(self.value, float) else str(self.value)


@dataclass(frozen=True)
class _Setting:
    own: Callable[[Experiment], Any]
    """What the experiment has."""
    changed: Callable[[Experiment, Any], Experiment | None]
    """The experiment with another value; None where the value changes nothing, or cannot be had."""
    defaults: Callable[[Experiment], Iterable[Any]]
    """Values to try; those that do not fit the experiment are left out."""


def settings_to_vary(text: str) -> list[str]:
    """Read which settings are varied: ``all``, or names with commas between, of which a beginning is enough.

    Raises
    ------
    InvalidInputError
        If there is no such setting, or several begin so.
    """
    words = [word.strip() for word in text.split(",")]
    if words == [ALL]:
        return list(SETTINGS)
    found = {word: [name for name in SETTINGS if word and name.startswith(word)] for word in words}
    for word, names in found.items():
        if len(names) != 1:
            raise InvalidInputError(
                f"Expected settings to vary, of {', '.join(SETTINGS)} or {ALL}, with commas between; got {shortened(word)}. "
                f"{near_matches(word, SETTINGS)}"
            )
    return [name for name in SETTINGS if [name] in found.values()]


def variants_of(experiment: Experiment, vary: Sequence[str] = ()) -> list[Variant]:
    """Return the variants of an experiment: those that its file names under ``sensitivity``, else the defaults.

    Parameters
    ----------
    experiment : Experiment
        What the file says, with defaults.
    vary : sequence of str
        Of `SETTINGS`; all if empty.

    Raises
    ------
    InvalidInputError
        Listing what is wrong with values that the file names; or if nothing is left to vary.
    """
    named = experiment.get("sensitivity", {})
    variants, problems = [], []
    for setting in vary or SETTINGS:
        for value in named.get(setting, _defaults(experiment, setting)):
            variant, wrong = _variant(experiment, setting, value)
            variants += [variant] if variant and not wrong else []
            problems += wrong if setting in named else []
    if problems:
        raise InvalidInputError("\n".join(dict.fromkeys(problems)))
    if not variants:
        raise InvalidInputError(
            "sensitivity: expected a value that fits the experiment and is not its own, of "
            f"{' or '.join(vary or SETTINGS)}; got none. Name one under sensitivity, or vary another setting."
        )
    return variants


def _defaults(experiment: Experiment, setting: str) -> Iterator[Any]:
    own = SETTINGS[setting].own(experiment)
    yield from (value for value in SETTINGS[setting].defaults(experiment) if value != own)


def _variant(experiment: Experiment, setting: str, value: Any) -> tuple[Variant | None, list[str]]:
    """Return a variant, or why there is none."""
    from stir.poolings import get_pooling

    place = f"sensitivity.{setting}"
    if value == SETTINGS[setting].own(experiment):
        return None, [f"{place}: expected other values than the experiment's own; got {shortened(value)}; leave it out"]
    if unknown := list(said(place, get_pooling, value)) if setting == "pooling" else []:
        return None, unknown
    changed = SETTINGS[setting].changed(experiment, value)
    if changed is None:
        return None, [f"{place}: expected a value that changes a layer and that every model takes; got {shortened(value)}"]
    # A variant that does not converge is shown as such, beside the others; statements are about the experiment itself.
    inversion = {**changed["inversion"], "minimum_converged_fraction": 0.0}
    changed = {**changed, "statements": [], "inversion": inversion}
    return Variant(setting, value, changed), [
        f"{place}: {shortened(value)}: {problem}" for problem in _problems(setting, changed)
    ]


def _problems(setting: str, experiment: Experiment) -> Iterator[str]:
    from stir_workflow.planning import layers, meaning

    if setting == "n_images":
        yield from image_counts(experiment)
        yield from layers.image_numbers(experiment)
        yield from layers.use(experiment)
    elif setting == "pooling":
        yield from layers.poolings(experiment)
        yield from layers.use(experiment)
    else:
        yield from meaning.inversions(experiment)


def _of_inversion(setting: str) -> Callable[[Experiment], Any]:
    return lambda experiment: experiment["inversion"][setting]


def _with_inversion(setting: str) -> Callable[[Experiment, Any], Experiment]:
    return lambda experiment, value: {**experiment, "inversion": {**experiment["inversion"], setting: value}}


def _with_method(experiment: Experiment, method: str) -> Experiment:
    """Return the experiment with another method, by the true gradient if that method takes no other."""
    fake = experiment["inversion"]["fake_last_relu"] and method == "normalised_gradient"
    return {**experiment, "inversion": {**experiment["inversion"], "method": method, "fake_last_relu": fake}}


def _with_n_scored(experiment: Experiment, n: int) -> Experiment:
    return {**experiment, "images": {**experiment["images"], "n_scored": n}}


def _own_pooling(experiment: Experiment) -> str | None:
    """Return the pooling of all layers; None if they have several."""
    found = {pooling for layer in experiment["layers"] for pooling in _poolings_of(layer)}
    return found.pop() if len(found) == 1 else None


def _poolings_of(layer: Layer) -> Iterator[str]:
    if isinstance(layer, str):
        yield FLATTEN
        return
    common = layer.get("pooling", FLATTEN)
    entries = [*layer.get("by_architecture", {}).values(), *layer.get("by_model", {}).values()] or [layer]
    yield from (common if isinstance(entry, str) else entry.get("pooling", common) for entry in entries)


def _with_pooling(experiment: Experiment, pooling: str) -> Experiment | None:
    """Return the experiment with another pooling of the layers that it makes a difference to."""
    from stir_workflow.planning.layers import is_pooled_by

    pooled = [(layer, pooled_layer(layer, pooling)) for layer in experiment["layers"]]
    layers = [
        other if _differs(layer, pooling) and is_pooled_by(experiment, layer, other, pooling) else layer
        for layer, other in pooled
    ]
    return None if layers == experiment["layers"] else {**experiment, "layers": layers}


def _differs(layer: Layer, pooling: str) -> bool:
    return any(SAME.get(own, own) != SAME.get(pooling, pooling) for own in _poolings_of(layer))


def pooled_layer(layer: Layer, pooling: str) -> dict[str, Any]:
    """Return a layer as experiment files describe it, with another pooling."""
    if isinstance(layer, str):
        return {"label": layer_slug(layer), "layer": layer, "pooling": pooling}
    described = {**layer, "pooling": pooling}
    for key in ("by_architecture", "by_model"):
        if key in layer:
            described[key] = {name: _without_pooling(entry) for name, entry in layer[key].items()}
    return described


def _without_pooling(entry: Layer) -> Layer:
    return entry if isinstance(entry, str) else {key: value for key, value in entry.items() if key != "pooling"}


def _methods(_: Experiment) -> Iterable[str]:
    from stir.inversion import METHODS

    return METHODS


def _kinds(_: Experiment) -> Iterable[str]:
    from stir.seed_images import SEED_IMAGES

    return SEED_IMAGES


def _tolerances(experiment: Experiment) -> list[float]:
    asked = experiment["inversion"]["tolerance"]
    return [tolerance for factor in FACTORS if (tolerance := round(asked * factor, 12)) <= LOOSEST]


def _numbers(experiment: Experiment) -> list[int]:
    """Return smaller numbers of images that are enough for intervals."""
    return [n for part in PARTS if (n := n_scored(experiment) // part) >= LEAST_IMAGES_OF_INTERVAL]


SETTINGS: Mapping[str, _Setting] = {
    "tolerance": _Setting(_of_inversion("tolerance"), _with_inversion("tolerance"), _tolerances),
    "n_images": _Setting(n_scored, _with_n_scored, _numbers),
    "seed_images": _Setting(_of_inversion("seed_images"), _with_inversion("seed_images"), _kinds),
    "method": _Setting(_of_inversion("method"), _with_method, _methods),
    "pooling": _Setting(_own_pooling, _with_pooling, lambda _: POOLINGS),
}
"""What a sensitivity study varies."""
