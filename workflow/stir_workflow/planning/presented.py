"""What presents an experiment's tables: figures and the report, both with pictures of the same IRIs."""

import shlex
from typing import Any

from stir.names import DEFAULT_FORMATS
from stir_workflow.planning.artifact import Artifact, artifact
from stir_workflow.planning.loading import Experiment
from stir_workflow.planning.models import PlannedModel
from stir_workflow.planning.reference_entries import Reference
from stir_workflow.planning.settings import layer_label

PICTURES = 10


def planned_figure(
    name: str, experiment: Experiment, table: Artifact, references: list[Reference], datasets: list[Artifact]
) -> Artifact:
    """Plan figures of the table, and pictures of every model's IRIs from the first random seed.

    IRIs are listed under the label of their layer, which architectures may call differently.

    Parameters
    ----------
    name : str
        What tables and figures are called.
    experiment : Experiment
        What the file says, with defaults.
    table : Artifact
        Of the scores.
    references : list of Reference
        With their IRIs.
    datasets : list of Artifact
        Those of the images X.
    """
    shown = _shown(experiment, references)
    settings = _settings(name, experiment) | {
        "figures": experiment["figures"],
        "iris": [
            {"model": reference.model.name, "layer": label, "images_dataset": reference.images, "key": iri.key}
            for reference, label, iri in shown
        ],
    }
    if tuple(experiment["figure_formats"]) != DEFAULT_FORMATS:
        settings["formats"] = experiment["figure_formats"]
    return artifact("figure", name, settings, table=table, iris=[iri for *_, iri in shown], datasets=datasets)


def planned_report(
    name: str,
    experiment: Experiment,
    table: Artifact,
    references: list[Reference],
    datasets: list[Artifact],
    models: list[PlannedModel],
    source: str | None,
) -> Artifact:
    """Plan the report: it says of the tables what the figures show.

    Parameters
    ----------
    name, experiment, table, references, datasets
        As in `planned_figure`.
    models : list of PlannedModel
        Whose training is reported.
    source : str or None
        The command that makes it again; no key depends on it.
    """
    return artifact(
        "report",
        name,
        _settings(name, experiment) | {"description": experiment.get("description", "")},
        source,
        table=table,
        iris=[iri for *_, iri in _shown(experiment, references)],
        representations=[reference.representation for reference in references],
        checkpoints=[model.checkpoint for model in models],
        datasets=datasets,
    )


def command(origin: str, scale: str | None) -> str:
    """Return the command that makes an experiment's tables, figures and report again."""
    asked = [f"experiment={origin}", *([] if scale is None else [f"scale={scale}"])]
    return f"snakemake --cores all --config {shlex.join(asked)}"


def _settings(name: str, experiment: Experiment) -> dict[str, Any]:
    return {"experiment": name, "layers": _labels(experiment), "n_pictures": min(PICTURES, experiment["images"]["n_images"])}


def _labels(experiment: Experiment) -> list[str]:
    return [layer_label(layer) for layer in experiment["layers"]]


def _shown(experiment: Experiment, references: list[Reference]) -> list[tuple[Reference, str, Artifact]]:
    """Return of every reference and layer the IRIs from the first random seed, with the label of the layer."""
    labels = _labels(experiment)
    return [
        (reference, label, iri)
        for reference in references
        for label, iri in zip(labels, reference.iris[:: len(reference.iris) // len(labels)], strict=True)
    ]
