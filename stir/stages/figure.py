"""Stage figure: heatmaps of STIR beside plain similarity, and pictures of the IRIs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.stages.job import Job

if TYPE_CHECKING:
    from stir.plotting.pictures import ImageRow

VERSION = 2
IMPORTS = (
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "stir.plotting.heatmaps",
    "stir.plotting.pictures",
    "stir.tables",
    "stir.stages.images",
)


def make(job: Job) -> None:
    """Draw an experiment's figures, from its table and its IRIs, into a folder of its key; stamp them."""
    from stir.plotting.heatmaps import draw_heatmaps
    from stir.plotting.pictures import draw_pictures
    from stir.plotting.saving import save_figure
    from stir.publication import keyed_folder, stamp, stamped
    from stir.tables import read_table

    experiment = job.settings["experiment"]
    scores = read_table(stamped(job.one("table"))[f"{experiment}.csv"])
    figures = {}
    for (layer, measure), rows in scores.groupby(["reference_layer", "similarity_measure"], sort=False):
        figures[f"{experiment}-{layer}-{measure}"] = draw_heatmaps(rows)
    for layer in job.settings["layers"]:
        figures[f"{experiment}-{layer}-images"] = draw_pictures(_image_rows(job, layer))
    folder = keyed_folder(job.output)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for name, figure in figures.items():
        files += save_figure(figure, folder / name)
    stamp(job.output, job.recipe, files)


def _image_rows(job: Job, layer: str) -> "list[ImageRow]":
    """Read X, seed images and the IRIs of every model for a layer."""
    from stir.hdf5 import read_arrays
    from stir.plotting.pictures import ImageRow
    from stir.stages.images import read_pixels

    count = job.settings["n_pictures"]
    rows = [ImageRow("reference images", read_pixels(job.one("dataset"), "test", first=count)[0])]
    shown: list[dict[str, Any]] = [iri for iri in job.settings["iris"] if iri["layer"] == layer]
    by_key = {path.stem.rsplit("-", 1)[1]: path for path in job.inputs["iris"]}
    for iri in shown:
        images, seeds, errors = read_arrays(by_key[iri["key"]], "iri_images", "seed_images", "inversion_error")
        if len(rows) == 1:
            rows.append(ImageRow("seed images", seeds[:count]))
        rows.append(ImageRow(f"IRIs of {iri['model']}", images[:count], errors[:count]))
    return rows
