"""What tables say of a checkpoint without running it."""

from pathlib import Path
from typing import Any

from safetensors import safe_open

from stir.models.saved import read_metadata

DIGITS = 4
"""Of a mean or standard deviation that is stated."""


def checkpoint_facts(path: Path) -> dict[str, Any]:
    """Return the number of classes that a file of `stir.models.save_model` tells apart, and its normalisation.

    Returns
    -------
    dict
        ``classes``; ``normalisation_mean`` and ``normalisation_std``: what the model subtracts from images in [0, 1] and
        divides them by, a number a channel with spaces between; ``input_size``: ``HEIGHT x WIDTH`` that it resizes images
        to. None where the file does not say.

    Raises
    ------
    CheckpointError
        If the file is no safetensors file, or its metadata are not JSON.

    Examples
    --------
    >>> from pathlib import Path
    >>> from stir.models import Architecture, build_model, save_model, checkpoint_facts
    >>> architecture = Architecture("resnet8", 8, 1, 10)
    >>> save_model(Path("model.safetensors"), build_model(architecture), architecture, {"epochs": 0})
    >>> checkpoint_facts(Path("model.safetensors"))
    {'classes': 10, 'input_size': None, 'normalisation_mean': '0', 'normalisation_std': '1'}
    """
    metadata = read_metadata(path)
    size = metadata.get("input_size")
    facts: dict[str, Any] = {
        "classes": metadata.get("architecture", {}).get("classes"),
        "input_size": " x ".join(map(str, size)) if isinstance(size, list) else None,
    }
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        for name in ("mean", "std"):
            buffer = f"normalise.{name}"
            values = file.get_tensor(buffer).flatten().tolist() if buffer in names else None
            facts[f"normalisation_{name}"] = values and " ".join(f"{value:.{DIGITS}g}" for value in values)
    return facts
