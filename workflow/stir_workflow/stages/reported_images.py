"""IRIs, scores per image and predicted classes of an experiment, read for its report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stir_workflow.report.album import Album, levels_of
from stir_workflow.report.content import Agreement, Gallery
from stir_workflow.report.shown_images import (
    MOST_MODELS,
    Inversions,
    PairScores,
    agreement_of,
    count_of,
    error_curve,
    gallery_of,
    with_pictures,
)
from stir_workflow.stages.job import Job
from stir_workflow.stages.reported_classes import PredictedClasses
from stir_workflow.store.identity import key_in

if TYPE_CHECKING:
    from stir_workflow.report.shown_images import Pixels
    from stir_workflow.report.tables import Tables

IMAGES = "iri_images"
ERROR_CURVE, EVALUATIONS = "error_curve", "curve_evaluations"
"""Array of IRI files, and attribute: errors of each image after so many evaluations; files of earlier versions have neither."""


@dataclass(frozen=True)
class TestImages:
    """The images X of one dataset: where they are, the class of each, and their numbers in the test set."""

    path: Path
    names: Sequence[str]
    class_names: Sequence[str]


@dataclass(frozen=True)
class Shown:
    """Galleries and agreements with their pictures, and sentences on what is not among them."""

    galleries: list[Gallery]
    agreements: list[Agreement]
    left_out: list[str]


@dataclass(frozen=True)
class Known:
    """What the artifacts of one experiment are called."""

    models: Mapping[str, str]
    """Key of rows of scores -> model, or reference that is none."""
    layers: Mapping[tuple[str, str], str]
    """Reference, its layer -> what the report calls that."""
    datasets: Mapping[str, TestImages]
    """What the experiment calls its images -> the images."""
    trained_on: Mapping[str, str | None]
    """Model -> dataset that its classes are of."""

    @property
    def labels(self) -> dict[str, str]:
        """Key of a dataset -> what the experiment calls it."""
        return {key_in(images.path): label for label, images in self.datasets.items()}


def images_of(job: Job, table: Mapping[str, Any], tables: "Tables", layers: Sequence[str], album: Album) -> Shown:
    """Read IRIs, and the images on which pairs agree most and least; pictures go into the album.

    Parameters
    ----------
    job : Job
        Of the stage report.
    table : mapping
        Settings of the recipe of its table.
    tables : Tables
        Of the experiment.
    layers : sequence of str
        What the report calls the layers, by position.
    album : Album
        Takes the pictures.
    """
    known = _known(job, table, tables, layers)
    sets = dict(_inversions(job, known))
    count = job.settings["n_pictures"]
    galleries = {path: _gallery(known, path, inversions, count) for path, inversions in sets.items()}
    agreements = list(_agreements(job, known, sets))
    files = {id(gallery): path for path, gallery in galleries.items()}

    def read(gallery: Gallery, indices: list[int]) -> "Pixels":
        return _pixels(known.datasets[gallery.images_dataset].path, files[id(gallery)], indices)

    filled, chosen = with_pictures(list(galleries.values()), agreements, read, album)
    return Shown(filled, chosen, list(_left_out(filled, chosen, known)))


def _known(job: Job, table: Mapping[str, Any], tables: "Tables", layers: Sequence[str]) -> Known:
    from stir.table_layers import layer_positions, layer_texts

    named = [*table["models"], *table.get("references", [])]
    rows = zip(tables.scores["reference_model"], layer_texts(tables.scores), layer_positions(tables.scores), strict=True)
    datasets = zip(dict.fromkeys(table["images_datasets"]), job.inputs["datasets"], strict=True)
    return Known(
        {each["checkpoint"]: each["name"] for each in named},
        {(model, text): layers[position] for model, text, position in rows},
        {label: _test_images(path) for label, path in datasets},
        {each["name"]: each.get("training_dataset") for each in named},
    )


def _test_images(path: Path) -> TestImages:
    from stir_workflow.stages.images import read_class_names
    from stir_workflow.store.hdf5 import read_arrays

    (labels,) = read_arrays(path, "test_labels")
    class_names = read_class_names(path) or ()
    return TestImages(path, [_class_name(int(label), class_names) or "" for label in labels], class_names)


def _class_name(number: int, class_names: Sequence[str]) -> str | None:
    if number < 0:
        return None
    return class_names[number] if number < len(class_names) else f"class {number}"


def _inversions(job: Job, known: Known) -> Iterator[tuple[Path, Inversions]]:
    """Give the sets of IRIs of the job, without their pictures."""
    import pandas as pd

    from stir.flags import SEPARATOR, of_inversions
    from stir.match_columns import PER_IMAGE
    from stir_workflow.stages.iri import reference_key
    from stir_workflow.stages.matches import read_matches
    from stir_workflow.store.artifacts import sealed_recipe
    from stir_workflow.store.hdf5 import read_attribute, read_present

    for path in job.inputs["iris"]:
        recipe, (match,) = sealed_recipe(path), read_matches([path])
        model = known.models[reference_key(recipe)]
        arrays = read_present(path, *PER_IMAGE, ERROR_CURVE)
        errors, evaluations = arrays.pop(ERROR_CURVE, None), read_attribute(path, EVALUATIONS)
        (flags,) = of_inversions(pd.DataFrame([match]))
        yield (
            path,
            Inversions(
                model,
                known.layers[model, match["layer"]],
                known.labels[str(recipe.inputs["dataset"])],
                match["random_seed"],
                match["inversion_method"],
                match["seed_images"] or "",
                match["tolerance"] if match["tolerance"] == match["tolerance"] else None,
                [word for word in flags.split(SEPARATOR) if word],
                arrays,
                None if errors is None or evaluations is None else error_curve(evaluations, errors, arrays["seed_error"]),
            ),
        )


def _gallery(known: Known, path: Path, inversions: Inversions, count: int) -> Gallery:
    from stir.hdf5 import opened

    with opened(path) as file:
        n_images = len(file[IMAGES])
    names = known.datasets[inversions.images_dataset].names[:n_images]
    return gallery_of(inversions, names, range(n_images), range(min(count, n_images)))


def _pixels(dataset: Path, iris: Path, indices: Sequence[int]) -> "Pixels":
    """Read pictures of some images; both files were checked in this job."""
    from stir.hdf5 import opened

    rows, found = sorted(indices), {}
    with opened(dataset) as file:
        white = np.float32(file["white_level"][()])
        for at, picture in zip(rows, file["test_images"][rows], strict=True):
            found["reference", at] = levels_of(picture.astype(np.float32) / white)
    with opened(iris) as file:
        for kind, name in (("seed", "seed_images"), ("iri", IMAGES)):
            if name in file:
                found |= {(kind, at): levels_of(picture) for at, picture in zip(rows, file[name][rows], strict=True)}
    return found


def _agreements(job: Job, known: Known, sets: Mapping[Path, Inversions]) -> Iterator[Agreement]:
    """Give the images on which each target model agrees most and least with each reference."""
    pairs = list(_pair_scores(job, known, sets))
    count = count_of(len(pairs))
    for pair in pairs:
        names = known.datasets[pair.images_dataset].names
        yield agreement_of(pair, count, names, range(len(names)))


def _pair_scores(job: Job, known: Known, sets: Mapping[Path, Inversions]) -> Iterator[PairScores]:
    from stir.hdf5 import opened
    from stir_workflow.store.stamps import stamped

    predicted = PredictedClasses(job.inputs.get("representations", []), known.models)
    shown = {*list(dict.fromkeys(known.models.values()))[:MOST_MODELS]}
    inverted = {(each.model, each.layer, each.images_dataset, each.random_seed): path for path, each in sets.items()}
    files = stamped(job.one("table"))
    with opened(files[f"{job.settings['experiment']}-per_image.h5"]) as file:
        columns = [_texts(file[name][()]) for name in ("reference_model", "target_model", "reference_layer", "images_dataset")]
        seeds, scores = file["random_seed"][()], file["shared_invariance"]
        for row, (reference, target, text, images) in enumerate(zip(*columns, strict=True)):
            key = (reference, known.layers[reference, text], images, int(seeds[row]))
            if reference == target or key not in inverted or not {reference, target} <= shown:
                continue
            path = inverted[key]
            classes: dict[str, list[str | None]] = {}
            for side, model in (("reference", reference), ("target", target)):
                found = predicted.of(model, key_in(path), text, int(seeds[row]))
                classes |= {} if found is None else _named(known, side, model, images, found)
            yield PairScores(reference, target, *key[1:], scores[row], classes, sets[path].arrays)


def _named(
    known: Known, side: str, model: str, images: str, classes: tuple[np.ndarray, np.ndarray]
) -> dict[str, list[str | None]]:
    """Return predicted classes by name; by number, of a model whose classes need not be those of the images."""
    names = known.datasets[images].class_names if known.trained_on[model] == images else ()
    return {
        f"{side}_{what}": [_class_name(int(number), names) for number in of]
        for what, of in zip(("class", "class_iri"), classes, strict=True)
    }


def _left_out(galleries: Sequence[Gallery], agreements: Sequence[Agreement], known: Known) -> Iterator[str]:
    """Say which pictures are not in the page."""
    if galleries:
        shown, of = max(len(gallery.items) for gallery in galleries), max(gallery.n_images for gallery in galleries)
        yield f"Galleries show {shown} of {of:,} images per model and layer, from the first random seed; results/iris has all."
    items: list[Any] = [item for each in galleries for item in each.items]
    items += [image for each in agreements for image in (*each.most, *each.least)]
    if missing := sum(item.iri is None for item in items):
        yield f"{missing:,} pictures are left out, so that the page stays small."
    if len(known.models) > MOST_MODELS and agreements:
        yield f"Images of pairs are shown for the first {MOST_MODELS} models; the table -per_image.h5 has the scores of all."


def _texts(values: np.ndarray) -> list[str]:
    return [value.decode() for value in values]
