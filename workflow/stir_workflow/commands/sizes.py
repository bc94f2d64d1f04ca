"""How large the files of an experiment will be, counted from its numbers of images, weights and features."""

from math import prod
from statistics import mean

from stir.controls import N_NOISE
from stir_workflow.planning.artifact import Artifact
from stir_workflow.planning.fitting import facts_of
from stir_workflow.planning.layers import feature_counts
from stir_workflow.planning.networks import architecture_of
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.settings import dataset_label, datasets_of, image_labels

FLOAT = 4
"""Bytes."""
PICTURES = 2
"""Files of IRIs hold X' and the seed images."""


def bytes_of(plan: Plan) -> dict[str, float]:
    """Return about how many bytes a file of a stage has: of the largest stages, which together are nearly all."""
    experiment = plan.experiment
    n_images, n_seeds = experiment["images"]["n_images"], len(experiment["inversion"]["random_seeds"])
    facts = {dataset_label(dataset): facts_of(dataset) for dataset in datasets_of(experiment)}
    of_x = [facts[label] for label in image_labels(experiment)]
    pixels = mean(prod((each.channels, each.height, each.width)) for each in of_x)
    features = mean(sum(feature_counts(experiment, model).values()) for model in experiment["models"])
    every = [(each.images or 0) * prod((each.channels, each.height, each.width)) for each in facts.values()]
    return {
        "dataset": mean(every),
        "checkpoint": FLOAT * mean(_n_weights(plan, number) for number in range(len(experiment["models"]))),
        "iri": FLOAT * PICTURES * n_images * pixels,
        "pair": FLOAT * n_images * features * (1 + n_seeds * (PICTURES + N_NOISE)),
    }


def _n_weights(plan: Plan, number: int) -> int:
    from stir.models.shapes import build_shape

    network = build_shape(architecture_of(plan.experiment, plan.experiment["models"][number]), of_full_width=True)
    return sum(weights.numel() for weights in network.parameters())


def missing_bytes(plan: Plan, missing: list[Artifact]) -> float:
    """Return about how many bytes files that are to be made will have."""
    sizes = bytes_of(plan)
    return sum(sizes.get(made.recipe.stage, 0.0) for made in missing)
