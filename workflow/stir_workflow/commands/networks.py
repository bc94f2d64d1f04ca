"""A network, as commands are told of it: an address, a Python file, or a checkpoint of this project."""

from pathlib import Path
from typing import TYPE_CHECKING

from stir.errors import InvalidInputError
from stir.names import shortened

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stir.models import Architecture

RANDOM, DEFAULT = "random", "default"
CLASSES = 10
CHECKPOINT = ".safetensors"


def network(
    model: str, weights: str | None, shape: tuple[int, int, int], *, width: int, classes: int | None, random_seed: int
) -> "nn.Module":
    """Return a network with its weights, in eval mode.

    Parameters
    ----------
    model : str
        What ``model:`` is in experiment files, or the path of a checkpoint that this project made.
    weights : str or None
        A path or URL of a checkpoint, a name of published weights, or ``"random"``; None for those that the library publishes.
    shape : tuple of int
        Channels, height and width of the images.
    width, classes : int
        Of this project's networks; ``classes`` of any that is to have other outputs than its own.
    random_seed : int
        Of random weights.

    Raises
    ------
    StirError
        If there is no such network, it does not take the images, or the weights do not fit.
    """
    from stir.models import build_model, load_checkpoint, read_model

    if model.endswith(CHECKPOINT):
        return _of_images(read_model(Path(model).expanduser()), model, shape)
    architecture = _architecture(model, weights, shape[0], width, classes)
    _check(architecture, shape)
    built = build_model(architecture, random_seed=random_seed)
    if weights is not None and is_source(weights):
        load_checkpoint(built, weights, missing="head")
    return built.eval()


def is_source(weights: str) -> bool:
    """Return whether weights are named by a path or URL."""
    return "://" in weights or "/" in weights or Path(weights).suffix in (CHECKPOINT, ".pt", ".pth", ".ckpt", ".bin", ".npz")


def _architecture(model: str, weights: str | None, channels: int, width: int, classes: int | None) -> "Architecture":
    from stir.models import Architecture
    from stir.models.architecture import STIR, parse_address

    published = None if weights == RANDOM or (weights and is_source(weights)) else weights or DEFAULT
    if parse_address(model).prefix != STIR:
        return Architecture(model, channels=channels, classes=classes, weights=published)
    if published is not None:
        raise InvalidInputError(
            f"Expected a checkpoint of {shortened(model)}, or random weights, since none are published; got "
            f"{'neither' if weights is None else shortened(weights)}. Name a file, or random, as its weights."
        )
    return Architecture(model, width, channels, classes or CLASSES)


def _check(architecture: "Architecture", shape: tuple[int, int, int]) -> None:
    from stir.models import check_takes

    check_takes(architecture, *shape[1:])


def _of_images(model: "nn.Module", path: str, shape: tuple[int, int, int]) -> "nn.Module":
    """Return a model that takes images of a shape; of a checkpoint, that is known only by trying."""
    import torch

    try:
        with torch.no_grad():
            model(torch.zeros(2, *shape))
    except RuntimeError as error:
        reason = str(error).split("\n")[0][:200]
        raise InvalidInputError(
            f"Expected images that {path} takes; got {' x '.join(map(str, shape))} (channels, height, width: {reason}). "
            "Give others, or --size and --channels."
        ) from error
    return model


def device_of(name: str) -> "torch.device":
    """Return the device of a name, where auto is a GPU if there is one.

    Raises
    ------
    DeviceError
        If cuda is asked for and there is none.
    """
    import torch

    from stir_workflow.stages.job import no_gpu

    if name == "cuda" and not torch.cuda.is_available():
        raise no_gpu()
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
