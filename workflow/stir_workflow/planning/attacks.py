"""Attacks whose sizes cannot be meant: most often pixels counted to 255 in place of 1. Pure."""

import math
from collections.abc import Iterator

from stir.data import DatasetFacts
from stir_workflow.planning.fitting import facts_of
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import dataset_of
from stir_workflow.planning.settings import Settings, attacks_of

ROUNDING = 1 + 1e-6
WHITE_LEVEL = 255


def sizes(experiment: Experiment) -> Iterator[str]:
    """Find balls as large as all images, and steps that leave the ball from wherever they start."""
    for place, attack, trained_on in _places(experiment):
        largest, what = _largest(attack["norm"], trained_on)
        if attack["eps"] >= largest:
            yield (
                f"{place}.eps: expected less than {largest:.4g}, {what}, in [0, 1] pixel units; got {attack['eps']:g}. "
                f"{_slip(attack['eps'])}"
            )
        elif attack["step_size"] > 2 * attack["eps"] * ROUNDING:
            yield (
                f"{place}.step_size: expected at most 2 eps = {2 * attack['eps']:.4g}, the width of the ball; "
                f"got {attack['step_size']:g}. {_slip(attack['step_size'])}"
            )


def _places(experiment: Experiment) -> Iterator[tuple[str, Settings, list[DatasetFacts]]]:
    """Yield every attack with its place and the images that it is for."""
    models = experiment["models"]
    several = isinstance(experiment["evaluation"], list)
    everywhere = [facts_of(dataset_of(experiment, model)) for model in models]
    for number, attack in enumerate(attacks_of(experiment)):
        yield f"evaluation[{number}]" if several else "evaluation", attack, everywhere
    for number, recipe in enumerate(experiment["training"]):
        named = [facts for facts, model in zip(everywhere, models, strict=True) if model.get("training") == recipe["name"]]
        for place, holder in (("attack", recipe), ("monitor.attack", recipe.get("monitor", {}))):
            if "attack" in holder:
                yield f"training[{number}].{place}", holder["attack"], named or everywhere


def _largest(norm: str, trained_on: list[DatasetFacts]) -> tuple[float, str]:
    """Return the size of a ball that holds every image."""
    if norm == "linf":
        return 1.0, "from black to white"
    smallest = min(trained_on, key=lambda facts: facts.channels * facts.height * facts.width)
    pixels = smallest.channels * smallest.height * smallest.width
    return math.sqrt(pixels), f"the distance from a black to a white image of {pixels:,} values"


def _slip(size: float) -> str:
    return f"Did you mean {size:g}/{WHITE_LEVEL} = {size / WHITE_LEVEL:.4f}?"
