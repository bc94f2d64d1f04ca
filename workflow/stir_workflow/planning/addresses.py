"""Addresses of networks in experiment files: ``timm:vit_tiny_patch16_224``, ``models.py:make_net``. Pure; no file is read."""

import math
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stir.names import shortened
from stir_workflow.stages.iri import PERTURBED_IMAGES

Settings = Mapping[str, Any]

TORCHVISION = "torchvision."
"""What names of torchvision's architectures begin with."""
BARE = {"stir:": "", "torchvision:": TORCHVISION}
"""Prefixes of addresses that are another spelling of an architecture's name -> what that begins with."""
FILE = re.compile(r"\A(.+\.py):[^:]*\Z")
LONGEST_SLUG = 48
LARGEST_INTEGER = 2**53 - 1


def with_addresses(experiment: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return an experiment in which every model has an ``architecture``, and one of a Python file the ``folder`` that it is in.

    A reference of perturbed images has the ``folder``, too.

    Parameters
    ----------
    experiment : dict
        As the schema has it.
    folder : Path
        Of the experiment's file.
    """
    models = [_with_address(model, folder) for model in experiment["models"]]
    return {**experiment, "models": models, "references": [_with_folder(entry, folder) for entry in experiment["references"]]}


def _with_address(model: Settings, folder: Path) -> Settings:
    if "model" not in model:
        return model
    architecture = canonical(model["model"])
    return {**model, "architecture": architecture} | ({"folder": str(folder)} if is_of_file(architecture) else {})


def _with_folder(entry: Settings, folder: Path) -> Settings:
    return {**entry, "folder": str(folder)} if PERTURBED_IMAGES in entry else entry


def canonical(address: str) -> str:
    """Return the one name of a network that can be written in two ways: ``resnet18`` for ``stir:resnet18``."""
    for prefix, before in BARE.items():
        if address.startswith(prefix):
            return before + address.removeprefix(prefix)
    return address


def is_of_file(architecture: str) -> bool:
    """Return whether a Python file makes the network."""
    return FILE.match(architecture) is not None


def is_address(architecture: str) -> bool:
    """Return whether an architecture is none of this project's, nor one that torchvision names."""
    return ":" in architecture


def key_of_architecture(model: Settings) -> str:
    """Return the key by which an experiment file names the architecture of a model."""
    return "model" if "model" in model else "architecture"


def folder_of(model: Settings) -> Path | None:
    """Return the folder that the Python file of an entry is relative to, if one makes its network."""
    return Path(model["folder"]) if "folder" in model else None


def slug(text: str) -> str:
    """Return what file names call an architecture or its weights: a name by the grammar; not always another for another."""
    if not is_address(text) and re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return text
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:LONGEST_SLUG].rstrip("-.") or "model"


def arguments_of(model: Settings) -> dict[str, Any]:
    """Return the keyword arguments that a network is built with."""
    return dict(model.get("arguments", {})) | ({"threat_model": model["threat_model"]} if "threat_model" in model else {})


def problems_of_arguments(value: Any, place: str) -> Iterator[str]:
    """Find what is no plain value, or one that no key can be made of."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from problems_of_arguments(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from problems_of_arguments(inner, f"{place}[{number}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place}: expected a finite number; got {value}"
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        yield f"{place}: expected a whole number of at most {LARGEST_INTEGER:,}; got {shortened(value)}"
    elif not isinstance(value, str | int | float | None):
        yield f"{place}: expected a text, number, true, false, null, list or mapping; got {shortened(value)}. Put it in quotes"


def problems_of_address(architecture: str, place: str) -> Iterator[str]:
    """Find an address that leads to Python's own library: it has no networks, but functions that run commands."""
    top = architecture.partition(":")[0].partition(".")[0]
    if is_address(architecture) and not is_of_file(architecture) and top in {*sys.stdlib_module_names, *sys.builtin_module_names}:
        yield f"{place}: expected a module with networks; got {shortened(architecture)} of Python's own library. Name another"
