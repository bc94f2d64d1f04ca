"""The command ``stir plot``: figures of published tables and of IRIs for a paper."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stir.errors import InvalidInputError
from stir.names import shortened, shown
from stir_workflow.messages import plain_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("heatmap", "bars", "layers", "images")
INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72}
LENGTH = re.compile(rf"\A\s*([0-9]*\.?[0-9]+)\s*({'|'.join(INCHES)})\s*\Z")
MOST_BYTES_OF_NAMES = 2**20
DOTS_PER_INCH = 300
"""Of PNG files, as journals ask for."""


class _Length(click.ParamType):
    """A length with its unit, in inches."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return inches."""
        found = LENGTH.match(str(value))
        if found is None:
            self.fail(f"Expected a number and in, cm, mm or pt, such as 3.3in; got {shortened(value)}.", param, ctx)
        return float(found[1]) * INCHES[found[2]]


def _listed(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [part.strip() for part in value.split(",")]


@click.command()
@click.argument("paths", metavar="TABLE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(KINDS), default="heatmap", show_default=True)
@click.option(
    "--output", "-o", "outputs", multiple=True, type=click.Path(path_type=Path), help="A .pdf, .svg or .png file; several."
)
@click.option("--pdf", is_flag=True, help="Write NAME-KIND.pdf here, NAME being the table's.")
@click.option("--svg", is_flag=True, help="Write NAME-KIND.svg here.")
@click.option("--png", is_flag=True, help="Write NAME-KIND.png here, which is also done if no file is named.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--width", type=_Length(), help="Of the figure, such as 3.3in, 84mm or 240pt; by default as wide as it needs.")
@click.option("--font-size", type=float, help="Points of digits and names; the other letters follow.")
@click.option("--models", callback=_listed, help="Which models, with commas between, in this order.")
@click.option("--names", type=click.Path(path_type=Path), help="A YAML file that says what to call models: MODEL: NAME.")
@click.option("--layer", help="As the table names it; by default the last one.")
@click.option("--measure", help="Similarity measure; by default the table's first one.")
@click.option("--images-dataset", help="One of the datasets of images; by default all, of a heatmap and of pictures the first.")
@click.option(
    "--scores", callback=_listed, help="Of a heatmap: stir, similarity, stir_excess, with commas between; by default all."
)
@click.option("--intervals", is_flag=True, help="Write the 95% interval into the cells of a heatmap of STIR.")
@click.option(
    "--models-table", type=click.Path(path_type=Path), help="By default NAME-models.csv beside NAME.csv, if it is there."
)
@click.option("-n", "count", type=click.IntRange(1, 100), default=8, show_default=True, help="Pictures of each row.")
@click.option("--bare", is_flag=True, help="Leave out title and notes, and print them, for the caption of a paper.")
def plot(
    paths: tuple[Path, ...],
    kind: str,
    outputs: tuple[Path, ...],
    pdf: bool,
    svg: bool,
    png: bool,
    overwrite: bool,
    width: float | None,
    font_size: float | None,
    bare: bool,
    **how: Any,
) -> None:
    """Draw a figure for a paper from TABLE, a table of scores such as results/tables/NAME.csv, or a copy of one.

    Pictures (--kind images) are those of the experiment that published the table, or of files: IRIs in results/iris, or results
    that were saved in Python. In SVG and PDF files texts stay texts, and the same command writes the same bytes.

    Example: stir plot results/tables/quickstart.csv --scores stir --width 3.3in --pdf
    """
    from stir.plotting.sizes import letters_of

    with plain_errors():
        chosen = [
            *outputs,
            *(Path(f"{paths[0].stem}-{kind}.{suffix}") for suffix, on in (("pdf", pdf), ("svg", svg), ("png", png)) if on),
        ]
        places = _checked(chosen or [Path(f"{paths[0].stem}-{kind}.png")], overwrite=overwrite)
        names = {} if how["names"] is None else read_names(how["names"])
        caption: list[str] | None = [] if bare else None
        with letters_of(font_size, width):
            figure = _drawn(kind, paths, how | {"names": names}, {"width": width, "caption": caption})
            _save(figure, places)
    for line in filter(None, caption or ()):
        click.echo(line)


def _checked(places: list[Path], *, overwrite: bool) -> list[Path]:
    """Refuse files of other formats, or that are in the way, before anything is drawn."""
    from stir.errors import check_known
    from stir.plotting.saving import FORMATS

    for place in places:
        check_known("format of a figure", place.suffix.removeprefix(".").lower(), FORMATS)
        if not place.parent.is_dir():
            raise InvalidInputError(f"Expected a folder at {shown(place.parent)}; there is none. Make it first.")
        if place.is_dir() or (place.exists() and not overwrite):
            raise InvalidInputError(f"{shown(place)} exists. Choose another name, or pass --overwrite to replace the file.")
    return places


def _save(figure: "Figure", places: list[Path]) -> None:
    from stir.plotting.saving import save_as

    for place in places:
        try:
            save_as(figure, place, dots_per_inch=DOTS_PER_INCH)
        except OSError as error:
            raise InvalidInputError(f"Cannot write {shown(place)}: {error.strerror or error}. Choose another place.") from error
        click.echo(f"Figure: {place}", err=True)


def read_names(path: Path) -> Mapping[str, Any]:
    """Read display names of models.

    Raises
    ------
    InvalidInputError
        If the file cannot be read, or is no mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from stir.files import read_bounded

    try:
        names = YAML(typ="safe", pure=True).load(read_bounded(path, MOST_BYTES_OF_NAMES).decode("utf-8"))
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        problem = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidInputError(
            f"Expected display names as YAML in {shown(path)}; {problem[0]}. Write lines MODEL: NAME."
        ) from error
    if not isinstance(names, Mapping) or not all(isinstance(model, str) for model in names):
        raise InvalidInputError(
            f"Expected lines MODEL: NAME in {shown(path)}; got {shortened(names)}. Quote names that are numbers."
        )
    return names


def _drawn(kind: str, paths: tuple[Path, ...], how: Mapping[str, Any], sized: Mapping[str, Any]) -> "Figure":
    """Return the figure, by the functions that draw the workflow's figures."""
    if kind == "images":
        from stir.plotting.pictures import draw_pictures
        from stir_workflow.stages.published_pictures import rows_of_paths

        rows, title = rows_of_paths(paths, how)
        return draw_pictures(rows, title, **sized)
    from stir.plotting.api import first_images
    from stir.plotting.bars import draw_bars
    from stir.plotting.heatmaps import draw_heatmaps
    from stir.plotting.layer_curves import draw_layer_curves
    from stir.plotting.selecting import Selection, read_scores, select

    if len(paths) > 1:
        raise InvalidInputError(f"Expected one table; got {len(paths)}. Only --kind images takes several files.")
    selection = Selection(how["models"], how["names"], how["layer"], how["measure"], how["images_dataset"])
    tables = select(read_scores(paths[0], how["models_table"]), selection, one_layer=kind == "heatmap")
    if kind == "heatmap":
        return draw_heatmaps(first_images(tables.scores), intervals=how["intervals"], columns=how["scores"], **sized)
    draw = draw_bars if kind == "bars" else draw_layer_curves
    return draw(tables.scores, tables.models, **sized)
