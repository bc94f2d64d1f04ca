"""The jobs that invert a reference, and the IRIs that each makes."""

from collections.abc import Sequence
from typing import Any

from stir.table_controls import GIVEN
from stir_workflow.planning.artifact import Artifact, artifact
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import PlannedModel
from stir_workflow.planning.reference_entries import Ensemble, PerturbedImages, PlannedReference
from stir_workflow.planning.settings import Settings, inversion_settings
from stir_workflow.stages.inversion import settings_of_iri
from stir_workflow.stages.iri import PERTURBED_IMAGES


def planned_inversions(
    reference: PlannedReference, dataset: Artifact, experiment: Experiment, common: Settings, images_slug: str
) -> list[Artifact]:
    """Plan the jobs that invert a reference; each makes IRIs of as many layers and random seeds as the experiment says.

    Parameters
    ----------
    reference : PlannedReference
        A model, an ensemble, or perturbed images, which take the place of IRIs.
    dataset : Artifact
        That of the images X.
    experiment : Experiment
        What the file says, with defaults.
    common : Settings
        Settings that all IRIs have beside those of the inversion.
    images_slug : str
        What file names say of the images, if it has to be said.
    """
    made_from: dict[str, Any] = {"dataset": dataset}
    source = None
    if isinstance(reference, PerturbedImages):
        source, (common, how, inverted) = reference.path, _perturbed(reference, experiment, common, images_slug)
    else:
        made_from = reference.inverted | made_from
        common, how, inverted = _inverted(reference, experiment, common, images_slug)
    size = experiment["compute"]["inversions_per_job"]
    return [
        artifact(
            "inversion",
            f"{reference.slug}.{how}",
            {**common, "inversions": of_job},
            source,
            parts=tuple(artifact("iri", str(one["name"]), settings_of_iri(common, one), source, **made_from) for one in of_job),
            **made_from,
        )
        for of_job in (inverted[start : start + size] for start in range(0, len(inverted), size))
    ]


def _inverted(
    reference: PlannedModel | Ensemble, experiment: Experiment, common: Settings, images_slug: str
) -> tuple[Settings, str, Sequence[Settings]]:
    """Return what all IRIs of a reference have in common, what file names say of it, and the settings of each."""
    inversion = experiment["inversion"]
    how = f"{inversion['method']}.{inversion['seed_images']}{images_slug}"
    of_each = [
        {
            "name": f"{reference.slug}/{layer.slug}.{how}.{random_seed}",
            **reference.layer_settings(number),
            "random_seed": random_seed,
        }
        for number, layer in enumerate(reference.layers)
        for random_seed in inversion["random_seeds"]
    ]
    return {**inversion_settings(inversion), **common}, how, of_each


def _perturbed(
    given: PerturbedImages, experiment: Experiment, common: Settings, images_slug: str
) -> tuple[Settings, str, Sequence[Settings]]:
    """Return the same of a set of perturbed images per layer, so that all that reads IRIs reads them.

    The random seed draws their noise.
    """
    random_seed = experiment["inversion"]["random_seeds"][0]
    how = f"{GIVEN}{images_slug}"
    of_each = [
        {"name": f"{given.slug}/{layer.slug}.{how}.{random_seed}", **layer.settings(), "random_seed": random_seed}
        for layer in given.layers
    ]
    return {PERTURBED_IMAGES: given.sha256, "random_seed": random_seed, **common}, how, of_each
