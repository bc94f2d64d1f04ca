"""The command ``stir layers``: what can be read in a model, by address."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from stir.errors import InvalidInputError
from stir.names import printable, shortened
from stir_workflow.commands.images import sides_of
from stir_workflow.messages import plain_errors

if TYPE_CHECKING:
    from stir.layers import LayerFacts
    from stir.models import Architecture

SMALL, LARGE = 32, 224
"""Sides of images that networks of this project and of other libraries are tried on, if these state none."""
CLASSES = 10
"""Outputs of networks of this project, which have none of their own; no layer before them depends on it."""
WIDTH = 64
HEADER = ("layer", "module", "shape", "calls", "features", "depth")
MOST_SELECTORS = 4


@click.command()
@click.argument("model")
@click.option("--width", type=click.IntRange(1, 1024), help="Channels of the first stage, of this project's networks.")
@click.option(
    "--argument", "arguments", multiple=True, metavar="KEY=VALUE", help="Of what builds the network; VALUE as JSON or text."
)
@click.option("--channels", type=click.IntRange(1, 4096), default=3, show_default=True, help="Of the images.")
@click.option("--size", metavar="SIDE or HEIGHTxWIDTH", help="Of the images, in pixels; by default what the model states.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def layers(model: str, width: int | None, arguments: Sequence[str], channels: int, size: str | None, as_json: bool) -> None:
    """List the layers of MODEL, an address such as resnet18, torchvision:resnet50, timm:NAME or models.py:make_net.

    For each: the name that an experiment's layers take, the shape of one image's activations, how often it is called, which
    dimension is features, its relative depth, and, last, what penultimate means. A layer that gives several tensors has their
    selectors in place of a shape. No weights are loaded; a Python file is run.

    Example: stir layers torchvision:resnet50 --size 224
    """
    with plain_errors():
        shape, facts = described(_architecture(model, width, arguments, channels), sides_of(size))
        images = f"images of {channels} x {shape[0]} x {shape[1]}"
        if as_json:
            click.echo(json.dumps({"model": model, "images": [channels, *shape], "layers": list(map(asdict, facts))}, indent=1))
        else:
            click.echo("\n".join(printable(line) for line in [f"{model}, {images}", *_table(facts), *_notes(facts)]))


def described(architecture: "Architecture", sides: tuple[int, int] | None) -> "tuple[tuple[int, int], list[LayerFacts]]":
    """Return the size of images that a network without weights was tried on, and what can be read in it.

    Raises
    ------
    InvalidInputError
        If there is no such network, or it does not take the images.
    """
    from stir.layers import describe
    from stir.models.shapes import build_shape, check_takes, empty_images

    own = getattr(build_shape(architecture), "size", None)
    side = SMALL if architecture.width is not None else LARGE
    sides = sides or own or (side, side)
    check_takes(architecture, *sides)
    model = build_shape(architecture, of_full_width=True)
    return sides, describe(model, empty_images(model, architecture.channels, *sides))


def _architecture(model: str, width: int | None, arguments: Sequence[str], channels: int) -> "Architecture":
    from stir.models import Architecture
    from stir.models.architecture import STIR, parse_address

    own = {"width": width or WIDTH, "classes": CLASSES} if parse_address(model).prefix == STIR else {"width": width}
    return Architecture(model, channels=channels, arguments=dict(map(_argument, arguments)), **own)


def _argument(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InvalidInputError(f"Expected --argument KEY=VALUE; got {shortened(text)}.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _table(facts: "Sequence[LayerFacts]") -> list[str]:
    rows = [HEADER, *map(_row, facts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(facts: "LayerFacts") -> tuple[str, ...]:
    shape = "" if facts.shape is None else " x ".join(map(str, facts.shape))
    depth = "" if facts.depth is None else f"{facts.depth:.2f}"
    return facts.name, facts.module, shape or _selectors(facts), str(facts.calls), _features(facts), depth


def _selectors(facts: "LayerFacts") -> str:
    more = ", ..." if len(facts.choices) > MOST_SELECTORS else ""
    return f"select: {', '.join(facts.choices[:MOST_SELECTORS])}{more}" if facts.choices else ""


def _features(facts: "LayerFacts") -> str:
    """Say which dimension is features, of an image's activations with more than one."""
    if facts.shape is None or len(facts.shape) < 2:
        return ""
    tokens = (
        {None: ", prefix unknown", 0: ""}.get(facts.prefix, f", {facts.prefix} prefix tokens") if len(facts.shape) == 2 else ""
    )
    return (facts.channels or "unknown") + tokens


def _notes(facts: "Sequence[LayerFacts]") -> list[str]:
    last = [each for each in facts if each.name == "penultimate"]
    if not last:
        return ["penultimate: this model has none by the rule; name a layer"]
    same = [each.name for each in facts if each.is_penultimate and each.name != "penultimate"]
    others = " and ".join(filter(None, [", ".join(same[:-1]), *same[-1:]]))
    return [f"penultimate: {last[0].module}" + (f", the same as {others}" if same else "")]
