"""Stage figure: heatmaps of STIR beside plain similarity, pictures of the IRIs, and the poster's other forms."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.names import figure_layer, figure_name, layer_slug
from stir_workflow.stages.job import Job

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from stir.plotting.pictures import ImageRow

PER_MEASURE = ("bars", "layer_curves", "growth")
"""Kinds with a figure per similarity measure, which the function ``draw_KIND`` of ``stir.plotting.KIND`` draws."""
FIGURES = ("heatmaps", "images", *PER_MEASURE)
"""What an experiment may ask for under ``figures``: matrices of scores, pictures of the IRIs, and the poster's other forms."""
DEFAULT_FIGURES = ("heatmaps", "images")


def make(job: Job) -> None:
    """Draw an experiment's figures, from its tables and its IRIs, into a folder of its key; stamp them."""
    from stir.errors import check_known
    from stir.plotting.saving import save_figure
    from stir.tables import read_table
    from stir_workflow.store.stamps import make_keyed_folder, stamp, stamped

    experiment = job.settings["experiment"]
    tables = stamped(job.one("table"))
    scores, models = (read_table(tables[f"{experiment}{part}.csv"]) for part in ("", "-models"))
    folder = make_keyed_folder(job.output)
    files: list[Path] = []
    for kind in job.settings.get("figures", DEFAULT_FIGURES):
        check_known("figure", kind, FIGURES)
        drawn = (
            _images(job, models) if kind == "images" else drawn_from_tables(kind, scores, models, job.settings.get("layers", ()))
        )
        for name, figure in drawn:
            files += save_figure(figure, folder / f"{experiment}-{name}")
    stamp(job.output, job.recipe, files)


def drawn_from_tables(
    kind: str, scores: "pd.DataFrame", models: "pd.DataFrame", labels: "Sequence[str]" = ()
) -> "Iterator[tuple[str, Figure]]":
    """Draw one kind of figure, and give each with its name: by layer, measure, and images where there are several.

    Parameters
    ----------
    kind : str
        Of `FIGURES`, without ``images``.
    scores, models : DataFrame
        The experiment's tables; of references that are none of the models there are heatmaps alone.
    labels : sequence of str
        What the experiment calls its layers, for figures where models have long names for them.
    """
    if kind == "heatmaps":
        yield from _heatmaps(scores, labels)
        return
    scores = scores[scores["reference_model"].isin(models["model"])]
    draw = getattr(import_module(f"stir.plotting.{kind}"), f"draw_{kind}")
    for measure, rows in scores.groupby("similarity_measure", sort=False):
        yield f"{kind}-{measure}", draw(rows, models)


def _heatmaps(scores: "pd.DataFrame", labels: "Sequence[str]") -> "Iterator[tuple[str, Figure]]":
    from stir.plotting.heatmaps import draw_heatmaps
    from stir.table_layers import layer_positions, layer_texts

    several = scores["images_dataset"].nunique() > 1
    by_matrix = scores.assign(layer=layer_positions(scores)).groupby(
        ["images_dataset", "layer", "similarity_measure"], sort=False
    )
    for (images, number, measure), rows in by_matrix:
        texts = layer_texts(rows).unique()
        label = dict[object, str](enumerate(labels)).get(number, "_".join(texts))
        name = figure_name(figure_layer(texts, label), str(measure), str(images) if several else None)
        yield name, draw_heatmaps(rows, label)


def _images(job: Job, models: "pd.DataFrame") -> "Iterator[tuple[str, Figure]]":
    """Draw the IRIs of every layer, for each dataset of images."""
    from stir.flags import of_models
    from stir.plotting.pictures import draw_pictures

    said = of_models(models)
    # The datasets are in the order in which the IRIs name them first.
    labels = dict.fromkeys(iri["images_dataset"] for iri in job.settings["iris"])
    for label, dataset in zip(labels, job.inputs["datasets"], strict=True):
        for layer in job.settings["layers"]:
            name = figure_name(layer_slug(layer), "images", label if len(labels) > 1 else None)
            yield name, draw_pictures(_image_rows(job, layer, label, dataset, said))


def _image_rows(job: Job, layer: str, images_dataset: str, dataset: Path, said: "Mapping[str, str]") -> "list[ImageRow]":
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
            rows.append(ImageRow(model, read_arrays(path, "iri_images")[0][:count]))
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
