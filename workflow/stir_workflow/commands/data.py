"""The commands ``stir data`` and ``stir fingerprint``: what a folder or file of images holds, and what identifies it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stir_workflow.commands.options import JSON
from stir_workflow.commands.tables import aligned_table
from stir_workflow.messages import plain_errors, say

if TYPE_CHECKING:
    from stir.data.looking import Found

MOST_CLASSES = 20
MOST_NAMED = 10
MOST_SHAPES = 4
COMMENTS = {
    "resize": "length of the shorter side, in pixels: images differ in size",
    "crop": "the centre, of image_shape",
    "convert": "images differ in colours, transparency or orientation, or are not stored as grey, RGB or RGBA",
}
"""On settings that prepare images."""


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@JSON
def data(path: Path, as_json: bool) -> None:
    """Look at images of your own: what an experiment would read at PATH, and what it would refuse.

    PATH is a folder or an archive of pictures, in a folder per class (CLASS/ or train/CLASS/ and test/CLASS/), or a file of
    arrays (.npz, .h5). All files that are no pictures by their headers are named at once; the first job of a run decodes pictures
    and finds truncated ones. The exit status is 1 if an experiment would refuse the data. The keys that an experiment file needs
    are printed last, with settings that make images of one size and kind of them; `stir init` writes such a file.

    Example: stir data photographs/
    """
    from stir.data.collection import first_of
    from stir.data.fingerprints import fingerprint as fingerprint_at
    from stir.data.looking import look
    from stir.data.sources import expanded

    with plain_errors():
        place = Path(expanded(str(path)))
        found = look(place)
        if as_json:
            digest = fingerprint_at(place)
            shapes = [{"image_shape": list(shape), "images": number} for shape, number in found.shapes.items()]
            click.echo(json.dumps({**asdict(found), "shapes": shapes, "fingerprint": digest}, indent=1))
        else:
            click.echo("\n".join(_lines(path, found)))
    for problem in first_of(found.problems):
        say(f"refused: {problem}")
    if found.problems:
        sys.exit(1)
    if not as_json:
        click.echo("\n".join(["", *dataset_lines(path, found)]))


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def fingerprint(path: Path) -> None:
    """Print the fingerprint of a dataset: a file, or a folder of files.

    The workflow computes it of your own data and remembers it. An experiment file may name it beside the path of the data: those
    with another fingerprint are then refused.

    Example: stir fingerprint mine.npz
    """
    from stir.data.fingerprints import fingerprint as fingerprint_at
    from stir.data.sources import expanded

    with plain_errors():
        click.echo(fingerprint_at(Path(expanded(str(path)))))


def _lines(path: Path, found: "Found") -> list[str]:
    from stir.names import printable

    shapes = [f"{number} of {' x '.join(map(str, shape))}" for shape, number in list(found.shapes.items())[:MOST_SHAPES]]
    others = sum(list(found.shapes.values())[MOST_SHAPES:])
    shapes += [f"{others} of {len(found.shapes) - MOST_SHAPES} other shapes"] if others else []
    there = sum(found.train.values()) + sum((found.test or {}).values())
    read = f"{found.n_images} of {there}" if there > found.n_images else str(found.n_images)
    lines = [f"{path}: {read} images (format {found.format}), channels x height x width: {', '.join(shapes)}"]
    if found.train:
        lines += ["", *_classes(found)]
    if found.left_out:
        more = ", ..." if len(found.left_out) > MOST_NAMED else ""
        lines += ["", f"Not read ({len(found.left_out)}): {', '.join(map(printable, found.left_out[:MOST_NAMED]))}{more}"]
    return lines


def _classes(found: "Found") -> list[str]:
    from stir.names import printable

    split = found.test is not None
    rows = [
        (printable(name), str(number), *([str((found.test or {}).get(name, 0))] if split else []))
        for name, number in list(found.train.items())[:MOST_CLASSES]
    ]
    more = [f"... {len(found.train) - MOST_CLASSES} more classes"] if len(found.train) > MOST_CLASSES else []
    return [*aligned_table([("class", *(("training", "test") if split else ("images",))), *rows]), *more]


def dataset_lines(path: Path, found: "Found", *, n_test: int | None = None) -> list[str]:
    """Return the keys of an experiment file that describe a dataset, with comments, as lines of YAML."""
    held_out = n_test or max(1, min(100, found.n_images // 2))
    of_test = [] if found.test else [f"  n_test: {held_out}  # images held out for testing and inversion"]
    return [
        "dataset:",
        "  name: mine  # what tables call it",
        f"  format: {found.format}",
        f"  path: {json.dumps(str(path), ensure_ascii=False)}",
        f"  image_shape: {list(found.image_shape)}  # channels, height, width",
        *(f"  {key}: {value}  # {COMMENTS[key]}" for key, value in found.preparation.items()),
        f"  n_classes: {len(found.train)}",
        *of_test,
    ]
