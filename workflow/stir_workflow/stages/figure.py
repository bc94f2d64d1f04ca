"""Stage figure: heatmaps of STIR beside plain similarity, pictures of the IRIs, and the poster's other forms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.names import DEFAULT_FORMATS, figure_layer, figure_name, layer_slug
from stir_workflow.stages.job import Job

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from stir.plotting.pictures import ImageRow

    Draw = Callable[[], Figure]

PER_MEASURE = ("bars", "layer_curves", "growth")
"""Kinds with a figure per similarity measure, which the function ``draw_KIND`` of ``stir.plotting.KIND`` draws."""
HEATMAPS = ("heatmaps", "intervals")
"""Matrices of scores; ``intervals`` writes the interval into every cell."""
FIGURES = (*HEATMAPS, "images", *PER_MEASURE)
"""What an experiment may ask for under ``figures``: matrices of scores, pictures of the IRIs, and the poster's other forms."""
DEFAULT_FIGURES = ("heatmaps", "images")


def make(job: Job) -> None:
    """Draw an experiment's figures, from its tables and its IRIs, into a folder of its key; stamp them."""
    from stir.tables import read_table
    from stir_workflow.store.stamps import make_keyed_folder, stamp, stamped

    experiment = job.settings["experiment"]
    tables = stamped(job.one("table"))
    scores, models = (read_table(tables[f"{experiment}{part}.csv"]) for part in ("", "-models"))
    folder = make_keyed_folder(job.output)
    asked = list(_asked(job, scores, models))
    stems, formats = [folder / f"{experiment}-{name}" for name, _ in asked], job.settings.get("formats", DEFAULT_FORMATS)
    files = draw_all([draw for _, draw in asked], stems, job.processes, formats)
    stamp(job.output, job.recipe, files)


def draw_all(
    draw: "Sequence[Draw]", stems: Sequence[Path], processes: int, formats: Sequence[str] = DEFAULT_FORMATS
) -> list[Path]:
    """Draw and save figures in processes of their own, and return their files; the files do not depend on the number."""
    from stir.plotting.saving import save_drawn

    workers = min(processes, len(stems))
    if workers <= 1:
        return [path for files in map(save_drawn, draw, stems, repeat(formats)) for path in files]
    # Forked: matplotlib and pandas are imported once. No thread of this process holds a lock at this point.
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        return [path for files in pool.map(save_drawn, draw, stems, repeat(formats)) for path in files]


def _asked(job: Job, scores: "pd.DataFrame", models: "pd.DataFrame") -> "Iterator[tuple[str, Draw]]":
    """Give the name of every figure that the settings ask for, and the function that draws it."""
    from stir.errors import check_known

    for kind in job.settings.get("figures", DEFAULT_FIGURES):
        check_known("figure", kind, FIGURES)
        if kind == "images":
            yield from _images(job, models)
        else:
            yield from drawn_from_tables(kind, scores, models, job.settings.get("layers", ()))


def drawn_from_tables(
    kind: str, scores: "pd.DataFrame", models: "pd.DataFrame", labels: "Sequence[str]" = ()
) -> "Iterator[tuple[str, Draw]]":
    """Give the names of one kind of figure, by layer, measure, and images where there are several, and what draws each.

    Parameters
    ----------
    kind : str
        Of `FIGURES`, without ``images``.
    scores, models : DataFrame
        The experiment's tables; of references that are none of the models there are heatmaps alone.
    labels : sequence of str
        What the experiment calls its layers, for figures where models have long names for them.
    """
    if kind in HEATMAPS:
        yield from _heatmaps(scores, labels, intervals=kind == "intervals")
        return
    scores = scores[scores["reference_model"].isin(models["model"])]
    draw = getattr(import_module(f"stir.plotting.{kind}"), f"draw_{kind}")
    for measure, rows in scores.groupby("similarity_measure", sort=False):
        yield f"{kind}-{measure}", partial(draw, rows, models)


def _heatmaps(scores: "pd.DataFrame", labels: "Sequence[str]", *, intervals: bool) -> "Iterator[tuple[str, Draw]]":
    from stir.plotting.heatmaps import draw_heatmaps
    from stir.table_layers import layer_positions, layer_texts

    several = scores["images_dataset"].nunique() > 1
    by_matrix = scores.assign(layer=layer_positions(scores)).groupby(
        ["images_dataset", "layer", "similarity_measure"], sort=False
    )
    for (images, number, measure), rows in by_matrix:
        texts = layer_texts(rows).unique()
        label = dict[object, str](enumerate(labels)).get(number, "_".join(texts))
        what = heatmap_name(str(measure), intervals=intervals)
        name = figure_name(figure_layer(texts, label), what, str(images) if several else None)
        yield name, partial(draw_heatmaps, rows, label, intervals=intervals)


def heatmap_name(measure: str, *, intervals: bool) -> str:
    """Return the part of a heatmap's name that says what it shows."""
    return f"{measure}-intervals" if intervals else measure


def _images(job: Job, models: "pd.DataFrame") -> "Iterator[tuple[str, Draw]]":
    """Give what draws the IRIs of every layer, for each dataset of images."""
    from stir.flags import of_models

    said = of_models(models)
    # The datasets are in the order in which the IRIs name them first.
    labels = dict.fromkeys(iri["images_dataset"] for iri in job.settings["iris"])
    for label, dataset in zip(labels, job.inputs["datasets"], strict=True):
        for layer in job.settings["layers"]:
            name = figure_name(layer_slug(layer), "images", label if len(labels) > 1 else None)
            yield name, partial(_draw_images, job, layer, label, dataset, said)


def _draw_images(job: Job, layer: str, images_dataset: str, dataset: Path, said: "Mapping[str, str]") -> "Figure":
    from stir.plotting.pictures import draw_pictures

    rows = image_rows(job, layer, images_dataset, dataset, said)
    return draw_pictures(rows, f"layer {layer}, images of {images_dataset}")


def image_rows(job: Job, layer: str, images_dataset: str, dataset: Path, said: "Mapping[str, str]") -> "list[ImageRow]":
    """Read X, seed images and the IRIs of every model for a layer and a dataset of images."""
    from stir.plotting.pictures import ImageRow
    from stir_workflow.stages.images import read_pixels
    from stir_workflow.store.hdf5 import read_arrays, read_present

    count = job.settings["n_pictures"]
    rows = [ImageRow("reference images", read_pixels(dataset, "test", first=count)[0])]
    shown: list[dict[str, Any]] = [
        iri for iri in job.settings["iris"] if (iri["layer"], iri["images_dataset"]) == (layer, images_dataset)
    ]
    by_key = {path.stem.rsplit("-", 1)[1]: path for path in job.inputs["iris"]}
    for iri in shown:
        path, model = by_key[iri["key"]], iri["model"]
        if not read_present(path, "seed_images"):  # perturbed images, which nothing was inverted for
            rows.append(ImageRow(model, read_arrays(path, "iri_images")[0][:count], model=model))
            continue
        images, seeds, errors, converged = read_arrays(path, "iri_images", "seed_images", "inversion_error", "converged")
        if len(rows) == 1:
            rows.append(ImageRow("seed images", seeds[:count]))
        flags = _flags_of(path, said.get(model, ""))
        rows.append(ImageRow(f"IRIs of {model}", images[:count], errors[:count], converged[:count], model, flags))
    return rows


def _flags_of(iris: Path, said_of_model: str) -> list[str]:
    """Return what speaks against the IRIs of a file: their match, and their model."""
    import pandas as pd

    from stir.flags import OF_MODELS, SEPARATOR, flag_words, of_inversions
    from stir_workflow.stages.matches import read_matches

    (flags,) = of_inversions(pd.DataFrame(read_matches([iris])))
    of_model = flag_words(said_of_model)
    return [*filter(None, flags.split(SEPARATOR)), *(f"reference_{word}" for word in OF_MODELS if word in of_model)]
