"""Tables, and what is known beside them -> the content of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from stir.flags import MEANINGS, of_scores
from stir.summaries import summary_and_differences
from stir.table_layers import layer_positions, layer_texts
from stir_workflow.report.content import (
    Agreement,
    Cell,
    Finding,
    Gallery,
    GroupCell,
    Image,
    LearningCurve,
    Model,
    Provenance,
    Report,
)
from stir_workflow.report.findings import findings_of, findings_of_verdicts
from stir_workflow.report.models import groups_in_order, models_of
from stir_workflow.report.scores import cells_of, group_cells_of, labels_of, text, verdicts_of, within_bounds
from stir_workflow.report.tables import Tables

CONTROLS = {
    "stir_low": "intervals",
    "stir_ceiling": "ceilings",
    "stir_noise": "noise of the same distance",
    "stir_null_p_holm": "nulls",
}
"""Columns that earlier versions did not write -> what is missing without them."""
OF_SUMMARIES = ("inversion_method", "seed_images", "stir_converged", "converged_fraction")
"""Columns, beside those that every report needs, that summaries are computed from."""


@dataclass(frozen=True)
class Beside:
    """What is known of an experiment beside its tables; all of it may be missing."""

    description: str = ""
    command: str = ""
    labels: Sequence[str] = ()
    """What the experiment calls its layers."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Model -> group."""
    curves: Mapping[str, LearningCurve] = field(default_factory=dict)
    """Model -> learning curve."""
    galleries: Sequence[Gallery] = ()
    agreements: Sequence[Agreement] = ()
    images: Mapping[str, Image] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    left_out: Sequence[str] = ()


def report_of(name: str, tables: Tables, beside: Beside) -> Report:
    """Put the content of a report together.

    Parameters
    ----------
    name : str
        Of the experiment.
    tables : Tables
        From `stir_workflow.report.tables.read_tables`.
    beside : Beside
        What else is known.
    """
    scores = tables.scores
    if "flags" not in scores and {"correlation_median", "tolerance"} <= {*scores}:
        scores = scores.assign(flags=of_scores(scores, tables.models))
    scores = scores if "flags" in scores else scores.assign(flags="")
    models = models_of(scores, tables.models, beside.groups, beside.curves)
    tables = _summarised(replace(tables, scores=scores), models)
    layers, measures = labels_of(scores, beside.labels), list(dict.fromkeys(scores["similarity_measure"]))
    datasets = list(dict.fromkeys(scores["images_dataset"]))
    layer = next((label for label in layers if "penultimate" in label), layers[-1])
    shown = (layer, measures[0], datasets[0])
    cells, left = within_bounds(cells_of(scores, layers), measures[0], layer)
    group_cells = [] if tables.summary is None else group_cells_of(tables.summary, layers)
    verdicts = [] if tables.verdicts is None else verdicts_of(tables.verdicts)
    return Report(
        name=name,
        title=f"Report of {name}",
        question=beside.description or f"To what degree do the {len(models)} models of {name} share invariances?",
        summary=_summary(scores, models, layers, measures),
        command=beside.command,
        findings=findings_of_verdicts(verdicts, name) + _computed(name, tables, cells, group_cells, models, layers, shown),
        models=models,
        groups=groups_in_order(models),
        layers=layers,
        similarity_measures=measures,
        images_datasets=datasets,
        layer=shown[0],
        similarity_measure=shown[1],
        images_dataset=shown[2],
        cells=cells,
        group_cells=group_cells,
        verdicts=verdicts,
        images=dict(beside.images),
        galleries=list(beside.galleries),
        agreements=list(beside.agreements),
        provenance=beside.provenance,
        flag_meanings=_meanings(cells, beside.galleries),
        left_out=[*_left_out(tables, left), *beside.left_out],
        sources=list(tables.files),
    )


def _summarised(tables: Tables, models: Sequence[Model]) -> Tables:
    """Compute summary and differences of tables that were kept without, or without intervals: over trainings and seeds alone."""
    known = tables.summary is not None and "stir_low" in tables.summary
    if known or not {*OF_SUMMARIES} <= {*tables.scores}:
        return tables
    groups = {model.name: model.group for model in models}
    summary, differences = summary_and_differences(tables.scores, groups)
    return replace(tables, summary=summary, differences=differences)


def _computed(
    name: str,
    tables: Tables,
    cells: Sequence[Cell],
    group_cells: Sequence[GroupCell],
    models: Sequence[Model],
    layers: Sequence[str],
    shown: tuple[str, str, str],
) -> list[Finding]:
    """Say what the scores that are shown first show."""
    layer, measure, dataset = shown
    of = [cell for cell in cells if (cell.layer, cell.similarity_measure, cell.images_dataset) == shown]
    of_groups = [cell for cell in group_cells if (cell.layer, cell.similarity_measure, cell.images_dataset or dataset) == shown]
    differences = None
    if tables.differences is not None:
        at_layer = layer_positions(tables.scores) == layers.index(layer)
        texts = layer_texts(tables.scores)[at_layer]
        rows = tables.differences
        at = rows["reference_layer"].map(lambda joined: bool({*str(joined).split("|")} & {*texts}))
        differences = rows[at & (rows["similarity_measure"] == measure) & (rows["images_dataset"] == dataset)]
    return findings_of(of_groups, of, models, differences, name)


def _summary(scores: pd.DataFrame, models: Sequence[Model], layers: Sequence[str], measures: Sequence[str]) -> str:
    first, n_models = scores.iloc[0], sum(model.is_target for model in models)
    references = len(models) - n_models
    further = f" and {references} further {'references' if references > 1 else 'reference'}" if references else ""
    images = ", ".join(map(str, dict.fromkeys(scores["images_dataset"])))
    groups = len({model.group for model in models if model.is_target})
    sentences = [
        f"{n_models} models in {groups} groups{further}, compared on {first['n_images']:,} images of {images}, "
        f"at the {'layers' if len(layers) > 1 else 'layer'} {', '.join(layers)}, by {', '.join(measures)}."
    ]
    methods = [text(method) for method in dict.fromkeys(scores.get("inversion_method", [])) if text(method)]
    if methods and "tolerance" in scores and pd.notna(first["tolerance"]):
        seeds = scores["random_seed"].nunique()
        kinds = ", ".join(filter(None, map(text, dict.fromkeys(scores.get("seed_images", [])))))
        sentences.append(
            f"Inversion by {', '.join(methods)}, from seed images of {kinds or 'an unknown kind'}, to an inversion error of "
            f"{first['tolerance']:g}, with {seeds} random seed{'s' if seeds > 1 else ''}."
        )
    return " ".join(sentences)


def _meanings(cells: Sequence[Cell], galleries: Sequence[Gallery]) -> dict[str, str]:
    found = {word for cell in cells for word in cell.flags} | {word for gallery in galleries for word in gallery.flags}
    unknown = dict.fromkeys(sorted(found - MEANINGS.keys()), "docs/warnings.md explains it")
    return {word: meaning for word, meaning in MEANINGS.items() if word in found} | unknown


def _left_out(tables: Tables, matrices: Sequence[str]) -> list[str]:
    """Say what the tables do not have, and which matrices are not in the page for its size."""
    missing = [what for column, what in CONTROLS.items() if column not in tables.scores]
    found = [f"{tables.files[0]} has no {', '.join(missing)}: an earlier version of this workflow made it."] if missing else []
    if matrices:
        found.append(
            f"{tables.files[0]} has the scores by {'; '.join(matrices[:10])}{', and more' if len(matrices) > 10 else ''}."
        )
    return found
