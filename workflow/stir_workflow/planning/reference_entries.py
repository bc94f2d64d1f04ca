"""References beside an experiment's models: perturbed images of one's own, ensembles, and untrained networks.

Pure, except that the content of a file of perturbed images is digested, since keys depend on it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from stir.digests import sha256_of
from stir.errors import DatasetError, near_matches
from stir.names import shown
from stir_workflow.planning import fitting
from stir_workflow.planning.artifact import Artifact
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import PlannedModel, model_names
from stir_workflow.planning.settings import Settings, dataset_label, datasets_of, image_labels, layer_label
from stir_workflow.planning.untrained import UNTRAINED, check_untrained
from stir_workflow.stages.iri import PERTURBED_IMAGES, reference_key
from stir_workflow.stages.layer_setting import LayerSetting

DIGITS = 8
"""Of digests in file names."""


@dataclass(frozen=True)
class PerturbedImages:
    """Images of one's own in place of IRIs."""

    name: str
    path: str
    sha256: str
    layers: tuple[LayerSetting, ...]
    """Of the targets, by the experiment's labels: perturbed images have no layer of their own."""

    @property
    def slug(self) -> str:
        """What file names call it; it follows from the content, so experiments share files."""
        return f"perturbed-{self.sha256[:DIGITS]}"


@dataclass(frozen=True)
class Ensemble:
    """Several models as one reference: IRIs that all of them represent alike."""

    name: str
    models: tuple[PlannedModel, ...]
    layers: tuple[LayerSetting, ...]
    """By the experiment's labels: models may name their layers differently."""

    @property
    def slug(self) -> str:
        """What file names call it; it follows from the models, so experiments share files."""
        return f"ensemble-{sha256('+'.join(model.slug for model in self.models).encode()).hexdigest()[:DIGITS]}"

    @property
    def inverted(self) -> dict[str, list[Artifact]]:
        """The inputs of its inversions."""
        return {"checkpoints": [model.checkpoint for model in self.models]}

    def layer_settings(self, number: int) -> dict[str, Any]:
        """Return what recipes of its IRIs say of a layer: its label, and the layer of each model."""
        return {**self.layers[number].settings(), "members": [model.layers[number].listed() for model in self.models]}


PlannedReference = PlannedModel | PerturbedImages | Ensemble


@dataclass(frozen=True)
class Reference:
    """One model, ensemble or set of perturbed images as the reference, on the images of one dataset."""

    model: PlannedReference
    images: str
    """Label of the dataset of X."""
    inversions: list[Artifact]
    """Their parts are the IRIs."""
    representation: Artifact
    """Its parts are one file per target model."""
    score: Artifact

    @property
    def iris(self) -> list[Artifact]:
        """Layer by layer, random seed by random seed; perturbed images have the first random seed alone."""
        return iris_of(self.inversions)

    def row(self) -> dict[str, Any]:
        """Return what tables have to know of a reference that is none of the models."""
        return {
            "name": self.model.name,
            "checkpoint": reference_key(self.iris[0].recipe),
            "layers": [layer.listed() for layer in self.model.layers],
            "random_seeds": list(dict.fromkeys(iri.recipe.settings["random_seed"] for iri in self.iris)),
        }


def iris_of(inversions: list[Artifact]) -> list[Artifact]:
    """Return the IRIs that jobs make."""
    return [iri for inversion in inversions for iri in inversion.parts]


def planned_references(
    experiment: Experiment, models: Sequence[PlannedModel], untrained: Mapping[str, PlannedModel]
) -> Iterator[PlannedReference]:
    """Plan the references that an experiment has beside its models."""
    layers = tuple(LayerSetting(layer_label(layer)) for layer in experiment["layers"])
    by_name = {model.name: model for model in models}
    for entry in experiment["references"]:
        if PERTURBED_IMAGES in entry:
            path = _path(entry)
            yield PerturbedImages(entry["name"], path, digest(path), layers)
        elif UNTRAINED in entry:
            yield replace(untrained[entry[UNTRAINED]], name=entry["name"])
        else:
            yield Ensemble(entry["name"], tuple(by_name[name] for name in entry["models"]), layers)


def digest(path: str) -> str:
    """Return the SHA-256 of a file, which is read again only after it has changed.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    try:
        found = Path(path).stat()
        return _digest(path, found.st_ino, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise DatasetError(f"Cannot read {shown(path)}: {error.strerror}. Make it readable, or correct the path.") from error


@lru_cache(maxsize=128)
def _digest(path: str, *_status: int) -> str:
    return sha256_of(Path(path))


def entries(experiment: Experiment) -> Iterator[str]:
    """Find references whose names, models or images are not those of the experiment, or that are there twice."""
    names = [name for model in experiment["models"] for name in model_names(model)]
    given = Counter([*names, *(entry["name"] for entry in experiment["references"])])
    seen: dict[frozenset[str], str] = {}
    for number, entry in enumerate(experiment["references"]):
        place, name = f"references[{number}]", entry["name"]
        if given[name] > 1:
            yield f"{place}.name: {given[name]} models and references are named {name!r}; give each a name of its own"
        untrained = [(UNTRAINED, entry[UNTRAINED])] if UNTRAINED in entry else []
        for key, member in [*(("models", member) for member in entry.get("models", ())), *untrained]:
            if member not in names:
                yield f"{place}.{key}: no model is named {member!r}. {near_matches(member, names)}"
        if PERTURBED_IMAGES in entry and len(labels := image_labels(experiment)) > 1:
            yield (
                f"{place}.{PERTURBED_IMAGES}: they belong to the images of one dataset; images.datasets has {len(labels)}. "
                "Leave all but one out, or make an experiment of each"
            )
        if "models" in entry and (other := seen.setdefault(frozenset(entry["models"]), name)) != name:
            yield _one_reference(place, other, name)


def _one_reference(place: str, first: str, second: str) -> str:
    return f"{place}: {first!r} and {second!r} are one reference under two names; leave one out"


def untrained_networks(experiment: Experiment) -> Iterator[str]:
    """Find references that are to be the untrained network of a model that has none."""
    by_name = {name: model for model in experiment["models"] for name in model_names(model)}
    for number, entry in enumerate(experiment["references"]):
        if UNTRAINED in entry:
            yield from fitting.said(f"references[{number}].{UNTRAINED}", check_untrained, by_name[entry[UNTRAINED]])


def files(experiment: Experiment) -> Iterator[str]:
    """Find perturbed images that cannot be digested, or that are there twice."""
    from stir.data.perturbed_images import check_perturbed_file

    seen: dict[str, str] = {}
    for place, entry in _given(experiment):
        path = _path(entry)
        problems = list(fitting.said(place, check_perturbed_file, Path(path))) or list(fitting.said(place, digest, path))
        yield from problems
        if not problems and (other := seen.setdefault(digest(path), entry["name"])) != entry["name"]:
            yield _one_reference(place, other, entry["name"])


def contents(experiment: Experiment) -> Iterator[str]:
    """Find perturbed images that are not one image in [0, 1] per image of X."""
    from stir.data.perturbed_images import read_perturbed_images

    by_label = {dataset_label(dataset): dataset for dataset in datasets_of(experiment)}
    facts = fitting.facts_of(by_label[image_labels(experiment)[0]])
    shape = (experiment["images"]["n_images"], facts.channels, facts.height, facts.width)
    for place, entry in _given(experiment):
        yield from fitting.said(place, read_perturbed_images, Path(_path(entry)), shape)


def _given(experiment: Experiment) -> Iterator[tuple[str, Settings]]:
    """Yield place in the experiment's file, and the entry, of perturbed images."""
    for number, entry in enumerate(experiment["references"]):
        if PERTURBED_IMAGES in entry:
            yield f"references[{number}].{PERTURBED_IMAGES}", entry


def _path(entry: Settings) -> str:
    return str(Path(entry["folder"], entry[PERTURBED_IMAGES]))
