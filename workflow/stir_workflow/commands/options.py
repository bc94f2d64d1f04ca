"""Options that several commands have; nothing heavy is imported."""

import shlex
from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
SCALE = click.option("--scale", help="One of the experiment's scales; its default otherwise.")
DEVICES = click.Choice(["auto", "cpu", "cuda"])


def called(command: str, experiment: str, scale: str | None) -> str:
    """Return the call of a command of ``stir`` on an experiment, as its user named it, for a shell."""
    return shlex.join(["stir", command, experiment, *(["--scale", scale] if scale else [])])


def together(*options: Decorator) -> Decorator:
    """Return one decorator of several, in the order in which help lists them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


IMAGES = together(
    click.option(
        "--images",
        required=True,
        metavar="PATH|DATASET",
        help="A folder or archive of pictures, an array file (.npy, .npz, .h5), or, where there is none of that name, a dataset "
        "of `stir datasets`.",
    ),
    click.option(
        "--n-images", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Images that are drawn at random."
    ),
    click.option(
        "--size",
        metavar="SIDE|HEIGHTxWIDTH",
        help="Resize pictures to so many pixels, cropped at the centre; by default as stored.",
    ),
    click.option("--channels", type=click.Choice(["1", "3"]), help="Convert pictures to grey (1) or colour (3)."),
)
"""Which images X are."""
INVERSION = together(
    click.option("--tolerance", type=float, default=0.05, show_default=True, help="Inversion error at which an image converges."),
    click.option("--max-iterations", type=click.IntRange(1), help="Forward and backward passes for each image, at most."),
    click.option("--method", default="lbfgs", show_default=True, help="Of the descent."),
    click.option("--seed-images", default="normal_noise", show_default=True, help="Kind of picture that a descent begins at."),
    click.option(
        "--batch-size", type=click.IntRange(1), default=50, show_default=True, help="Images that are descended at once."
    ),
    click.option(
        "--random-seed", type=click.IntRange(0), default=0, show_default=True, help="Of images, seed images and weights."
    ),
    click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto takes a GPU if there is one."),
)
"""How X' is found."""


def network_options(prefix: str = "") -> Decorator:
    """Return the options of a network beside its address; ``prefix`` says which network's they are."""
    of = f" of {prefix.upper()}" if prefix else ""
    flag, name = (f"--{prefix}-weights", f"{prefix}_weights") if prefix else ("--weights", "weights")
    return click.option(
        flag,
        name,
        metavar="FILE|NAME|random",
        help=f"Weights{of}: a checkpoint, a name of published ones, or random; by default those that its library publishes.",
    )


NETWORKS = together(
    click.option("--width", type=click.IntRange(1, 1024), default=64, show_default=True, help="Of this project's networks."),
    click.option("--classes", type=click.IntRange(1), help="Outputs; by default the network's own, 10 for this project's."),
)
"""What both networks of a pair have."""
