"""Experiment -> artifacts: which files, under which keys, made from which.

Pure: no file is read or written here, and nothing heavy is imported. The Snakefile
asks this plan for everything; it decides nothing itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from planning.artifact import FOLDERS, SUFFIXES, Artifact
from planning.loading import Experiment
from stir.data import dataset_facts
from stir.identity import Recipe
from stir.stages import stage_module

PICTURES = 10


@dataclass(frozen=True)
class PlannedModel:
    """One model of an experiment."""

    name: str
    group: str
    """The model's name without its training seed."""
    slug: str
    """What file names call it; it follows from the settings, so experiments share files."""
    training_seed: int | None
    architecture: str
    objective: str | None
    checkpoint: Artifact


class Plan:
    """All artifacts of an experiment, stage by stage."""

    def __init__(self, name: str, experiment: Experiment) -> None:
        self.name = name
        self._experiment = experiment
        self.threads: int = experiment["compute"]["threads"]
        self._threads = {"threads": self.threads}
        self._batch = {"batch_size": experiment["compute"]["batch_size"]}
        self._n_images = {"n_images": experiment["images"]["n_images"]}
        self.dataset = self._artifact("dataset", experiment["dataset"]["name"], experiment["dataset"])
        self.models = list(self._plan_models())
        self.evaluations = [self._plan_evaluation(model) for model in self.models]
        self.iris = {model.name: self._plan_iris(model) for model in self.models}
        self.representations = {
            reference.name: [self._plan_representation(reference, target) for target in self.models] for reference in self.models
        }
        self.scores = [self._plan_score(number) for number in range(len(self.models))]
        self.table = self._plan_table()
        self.figure = self._plan_figure()
        self.publication = self._artifact("publication", name, {"experiment": name}, table=self.table, figure=self.figure)
        self.by_path = {artifact.path: artifact for artifact in self._all()}

    def stage_paths(self, stage: str) -> list[str]:
        """Return the paths of a stage's artifacts."""
        return [artifact.path for artifact in self.by_path.values() if artifact.recipe.stage == stage]

    def closure(self, stage: str) -> list[str]:
        """Return the paths of a stage's artifacts and of all that they are made from."""
        found: dict[str, None] = {}
        waiting = self.stage_paths(stage)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = None
                waiting += self.by_path[path].input_paths()
        return list(found)

    def paths(self) -> list[str]:
        """Return the paths of all artifacts."""
        return list(self.by_path)

    def _all(self) -> Iterator[Artifact]:
        yield self.dataset
        yield from (model.checkpoint for model in self.models)
        yield from self.evaluations
        yield from (iri for iris in self.iris.values() for iri in iris)
        yield from (pair for pairs in self.representations.values() for pair in pairs)
        yield from self.scores
        yield self.table
        yield self.figure
        yield self.publication

    def _artifact(
        self, stage: str, name: str, settings: Mapping[str, Any], source: str | None = None, **inputs: Artifact | list[Artifact]
    ) -> Artifact:
        keys = {role: [i.key for i in made] if isinstance(made, list) else made.key for role, made in inputs.items()}
        paths = {role: [i.path for i in made] if isinstance(made, list) else [made.path] for role, made in inputs.items()}
        recipe = Recipe(stage, stage_module(stage).VERSION, settings, keys)
        return Artifact(recipe, f"{FOLDERS[stage]}/{name}-{recipe.key}{SUFFIXES[stage]}", paths, source)

    def _plan_models(self) -> Iterator[PlannedModel]:
        recipes = {recipe["name"]: recipe for recipe in self._experiment["training"]}
        for model in self._experiment["models"]:
            if "training" in model:
                for random_seed in model["training_seeds"]:
                    yield self._plan_trained(model, recipes[model["training"]], random_seed)
            else:
                yield self._plan_taken(model)

    def _architecture(self, model: Mapping[str, Any]) -> dict[str, Any]:
        facts = dataset_facts(self._experiment["dataset"]["name"])
        sizes = {"channels": facts.channels, "classes": facts.classes}
        return {"name": model["architecture"], "width": model["width"], **sizes}

    def _plan_trained(self, model: Mapping[str, Any], recipe: Mapping[str, Any], random_seed: int) -> PlannedModel:
        training = {key: value for key, value in recipe.items() if key != "name"}
        slug = f"{self._experiment['dataset']['name']}-{model['architecture']}-{recipe['objective']}-{random_seed}"
        settings = {"architecture": self._architecture(model), "training": training, "random_seed": random_seed, **self._threads}
        checkpoint = self._artifact("checkpoint", slug, settings, dataset=self.dataset)
        name = f"{model['name']}-{random_seed}"
        return PlannedModel(name, model["name"], slug, random_seed, model["architecture"], recipe["objective"], checkpoint)

    def _plan_taken(self, model: Mapping[str, Any]) -> PlannedModel:
        slug = f"{model['architecture']}-{model['sha256'][:8]}"
        settings = {"architecture": self._architecture(model), "sha256": model["sha256"], **self._threads}
        checkpoint = self._artifact("checkpoint", slug, settings, source=model["checkpoint"])
        return PlannedModel(model["name"], model["name"], slug, None, model["architecture"], None, checkpoint)

    def _plan_evaluation(self, model: PlannedModel) -> Artifact:
        settings = {"attack": self._experiment["evaluation"], **self._threads, **self._batch}
        return self._artifact("evaluation", model.slug, settings, checkpoint=model.checkpoint, dataset=self.dataset)

    def _plan_iris(self, model: PlannedModel) -> list[Artifact]:
        inversion = self._experiment["inversion"]
        own = ("method", "seed_images", "precision", "last_relu", "tolerance", "max_iterations", "batch_size")
        common = {key: inversion[key] for key in own} | self._n_images | self._threads
        return [
            self._artifact(
                "iri",
                f"{model.slug}/{layer}.{inversion['method']}.{inversion['seed_images']}.{random_seed}",
                {**common, "layer": layer, "random_seed": random_seed},
                checkpoint=model.checkpoint,
                dataset=self.dataset,
            )
            for layer in self._experiment["layers"]
            for random_seed in inversion["random_seeds"]
        ]

    def _plan_representation(self, reference: PlannedModel, target: PlannedModel) -> Artifact:
        basis = {"basis": self._experiment["representations"]["basis"]}
        return self._artifact(
            "representation",
            f"{reference.slug}/{target.slug}.{self._experiment['inversion']['method']}",
            {"layers": self._experiment["layers"], **basis, **self._n_images, **self._threads, **self._batch},
            checkpoint=target.checkpoint,
            dataset=self.dataset,
            iris=self.iris[reference.name],
        )

    def _plan_score(self, number: int) -> Artifact:
        model = self.models[number]
        inversion = self._experiment["inversion"]
        return self._artifact(
            "score",
            f"{model.slug}.{inversion['method']}",
            {
                "similarity_measures": self._experiment["similarity_measures"],
                "minimum_converged_fraction": inversion["minimum_converged_fraction"],
                **self._threads,
            },
            reference=self.representations[model.name][number],
            representations=self.representations[model.name],
            iris=self.iris[model.name],
        )

    def _plan_table(self) -> Artifact:
        models = [
            {
                "name": model.name,
                "group": model.group,
                "architecture": model.architecture,
                "objective": model.objective,
                "training_seed": model.training_seed,
                "checkpoint": model.checkpoint.key,
            }
            for model in self.models
        ]
        settings = {"experiment": self.name, "models": models}
        return self._artifact("table", self.name, settings, scores=self.scores, evaluations=self.evaluations)

    def _plan_figure(self) -> Artifact:
        """Plan heatmaps of the table, and pictures of every model's IRIs from the first random seed."""
        first = self._experiment["inversion"]["random_seeds"][0]
        shown = [
            (model.name, iri)
            for model in self.models
            for iri in self.iris[model.name]
            if iri.recipe.settings["random_seed"] == first
        ]
        settings = {
            "experiment": self.name,
            "layers": self._experiment["layers"],
            "n_pictures": min(PICTURES, self._n_images["n_images"]),
            "iris": [{"model": name, "layer": iri.recipe.settings["layer"], "key": iri.key} for name, iri in shown],
        }
        iris = [iri for _, iri in shown]
        return self._artifact("figure", self.name, settings, table=self.table, iris=iris, dataset=self.dataset)
