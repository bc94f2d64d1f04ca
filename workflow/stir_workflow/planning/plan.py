"""Experiment -> artifacts: which files, under which keys, made from which.

Pure: no file is read or written here, and nothing heavy is imported. The Snakefile
asks this plan for everything; it decides nothing itself.
"""

import os
from collections.abc import Iterator, Mapping

from stir.data import dataset_source
from stir.table_controls import GIVEN
from stir_workflow.planning.artifact import Artifact, Artifacts, artifact
from stir_workflow.planning.inversions import planned_inversions
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import PlannedModel, planned_models
from stir_workflow.planning.presented import command, planned_figure, planned_report
from stir_workflow.planning.reference_entries import (
    PerturbedImages,
    PlannedReference,
    Reference,
    iris_of,
    planned_references,
)
from stir_workflow.planning.settings import (
    Settings,
    attack_settings,
    attacks_of,
    dataset_label,
    dataset_settings,
    dataset_slug,
    datasets_of,
    image_labels,
    n_scored,
)
from stir_workflow.planning.untrained import floors, planned_targets, planned_untrained
from stir_workflow.stages.representation import settings_of_target


class Plan(Artifacts):
    """All artifacts of an experiment, stage by stage.

    Parameters
    ----------
    name : str
        What tables and figures are called.
    experiment : Experiment
        What the file says, with defaults.
    environment : mapping
        Environment variables that say where datasets lie; no key depends on them.
    origin : str, optional
        The experiment's file, so that no other's tables are published in place of its own; no key depends on it.
    scale : str, optional
        The scale that is asked for, for the command that a report names; no key depends on it.
    """

    def __init__(
        self,
        name: str,
        experiment: Experiment,
        environment: Mapping[str, str] = os.environ,
        *,
        origin: str | None = None,
        scale: str | None = None,
    ) -> None:
        self.name = name
        self._experiment = experiment
        self._threads = {"threads": experiment["compute"]["threads"]}
        self._batch = {"batch_size": experiment["compute"]["batch_size"]}
        self._n_images = {"n_images": experiment["images"]["n_images"]}
        self.datasets = {dataset_label(dataset): _dataset(dataset, environment) for dataset in datasets_of(experiment)}
        self.models = list(planned_models(experiment, self.datasets))
        untrained = planned_untrained(experiment, self.datasets)
        self.targets = planned_targets(experiment, self.models, untrained)
        self._floors = floors(self.models, untrained, self.targets)
        self.evaluations = [self._evaluation(model) for model in self.models if attacks_of(experiment)]
        self.further = list(planned_references(experiment, self.models, untrained))
        every = [*self.models, *self.further]
        self.references = [self._reference(model, images) for images in image_labels(experiment) for model in every]
        self.table = self._table()
        shown = (name, experiment, self.table, self.references, self._images_datasets())
        self.figure = planned_figure(*shown)
        self.report = planned_report(*shown, self.models, None if origin is None else command(origin, scale))
        self.publication = artifact(
            "publication", name, {"experiment": name}, origin, table=self.table, figure=self.figure, report=self.report
        )
        super().__init__(self._all())

    @property
    def experiment(self) -> Experiment:
        """What the file says, with defaults."""
        return self._experiment

    def _all(self) -> Iterator[Artifact]:
        yield from self.datasets.values()
        yield from (target.model.checkpoint for target in self.targets)
        yield from self.evaluations
        for reference in self.references:
            yield from reference.inversions
            yield reference.representation
            yield reference.score
        yield self.table
        yield self.figure
        yield self.report
        yield self.publication

    def _evaluation(self, model: PlannedModel) -> Artifact:
        """Plan accuracies on the test images of the model's own dataset: those of another may have other classes."""
        attacks = [attack_settings(attack) for attack in attacks_of(self._experiment)]
        settings = {"attacks": attacks, **self._threads, **self._batch}
        return artifact("evaluation", model.slug, settings, checkpoint=model.checkpoint, dataset=self.datasets[model.dataset])

    def _reference(self, model: PlannedReference, images: str) -> Reference:
        common = self._n_images | self._threads
        slug = self._images_slug(model, images)
        inversions = planned_inversions(model, self.datasets[images], self._experiment, common, slug)
        iris = iris_of(inversions)
        representation = self._representation(model, images, iris)
        return Reference(model, images, inversions, representation, self._score(model, images, iris, representation))

    def _images_slug(self, model: PlannedReference, images: str) -> str:
        """Return what file names say of images that are not those of the model's training dataset."""
        dataset = self.datasets[images]
        own = isinstance(model, PlannedModel) and model.checkpoint.recipe.inputs.get("dataset") == dataset.key
        return "" if own else f".{dataset_slug(dataset.recipe.settings)}"

    def _method(self, reference: PlannedReference, images: str) -> str:
        """Return what file names say of how X' was made."""
        method = GIVEN if isinstance(reference, PerturbedImages) else self._experiment["inversion"]["method"]
        return f"{method}{self._images_slug(reference, images)}"

    def _representation(self, reference: PlannedReference, images: str, iris: list[Artifact]) -> Artifact:
        how = self._method(reference, images)
        basis = {"basis": self._experiment["representations"]["basis"]}
        shared = {"layers": _listed(reference), **basis, **self._n_images, **self._threads, **self._batch}
        targets = [
            {"name": f"{reference.slug}/{target.model.slug}.{how}"}
            | ({"layers": _listed(target.model)} if target.model.layers != reference.layers else {})
            | ({"index": target.index} if target.index != target.model.checkpoint.key else {})
            for target in self.targets
        ]
        dataset, checkpoints = self.datasets[images], [target.model.checkpoint for target in self.targets]
        parts = tuple(
            artifact(
                "pair",
                str(target["name"]),
                settings_of_target(shared, target),
                checkpoint=checkpoint,
                dataset=dataset,
                iris=iris,
            )
            for checkpoint, target in zip(checkpoints, targets, strict=True)
        )
        return artifact(
            "representation",
            f"{reference.slug}.{how}",
            {**shared, "targets": targets},
            parts=parts,
            checkpoints=checkpoints,
            dataset=dataset,
            iris=iris,
        )

    def _score(self, model: PlannedReference, images: str, iris: list[Artifact], representation: Artifact) -> Artifact:
        inversion = self._experiment["inversion"]
        settings = {
            "similarity_measures": self._experiment["similarity_measures"],
            "minimum_converged_fraction": inversion["minimum_converged_fraction"],
            "untrained": self._floors,
            **({"n_images": n_scored(self._experiment)} if "n_scored" in self._experiment["images"] else {}),
            **self._threads,
        }
        name = f"{model.slug}.{self._method(model, images)}"
        return artifact("score", name, settings, representation=representation, iris=iris)

    def _table(self) -> Artifact:
        settings = {
            "experiment": self.name,
            "statements": self._experiment["statements"],
            "models": [model.row() for model in self.models],
            "images_datasets": [reference.images for reference in self.references],
            "similarity_measures": self._experiment["similarity_measures"],
            "random_seeds": self._experiment["inversion"]["random_seeds"],
        }
        rows = [reference.row() for reference in self.references if reference.model in self.further]
        settings |= {"references": [row for number, row in enumerate(rows) if row not in rows[:number]]} if rows else {}
        scores = [reference.score for reference in self.references]
        checkpoints = [model.checkpoint for model in self.models]
        return artifact(
            "table",
            self.name,
            settings,
            scores=scores,
            evaluations=self.evaluations,
            checkpoints=checkpoints,
            datasets=self._images_datasets(),
        )

    def _images_datasets(self) -> list[Artifact]:
        """Return the datasets of the images X."""
        return [self.datasets[label] for label in image_labels(self._experiment)]


def _listed(model: PlannedReference) -> list[str | dict[str, str]]:
    return [layer.listed() for layer in model.layers]


def _dataset(dataset: Settings, environment: Mapping[str, str]) -> Artifact:
    return artifact("dataset", dataset_slug(dataset), dataset_settings(dataset), dataset_source(dataset, environment))
