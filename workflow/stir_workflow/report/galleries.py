"""Pictures in the page: each stored once, and galleries in which models share the rows of reference and seed images."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stir_workflow.report.content import Gallery, Image, Report

SMALL = 96
"""Pixels per side up to which a picture is enlarged by whole pixels."""


def pictures(images: dict[str, Image]) -> dict[str, dict[str, Any]]:
    """Return key -> address of the picture's data, with its size."""
    return {key: {"src": _address(image), "width": image.width, "height": image.height} for key, image in images.items()}


def shared_galleries(galleries: Sequence[Gallery]) -> list[dict[str, Any]]:
    """Return galleries of one layer, dataset and random seed together, where the models were given the same images."""
    found: dict[tuple, dict[str, Any]] = {}
    for gallery in galleries:
        columns = [{key: getattr(item, key) for key in ("index", "class_name", "reference", "seed")} for item in gallery.items]
        address = (gallery.images_dataset, gallery.layer, gallery.random_seed)
        key = (*address, *(tuple(column.values()) for column in columns))
        shared = dict(zip(("images_dataset", "layer", "random_seed"), address, strict=True))
        found.setdefault(key, {**shared, "columns": columns, "rows": []})["rows"].append(_row(gallery))
    return list(found.values())


def agreements(report: Report) -> list[dict[str, Any]]:
    """Return agreements as plain values."""
    return [asdict(agreement) for agreement in report.agreements]


def _address(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"


def _row(gallery: Gallery) -> dict[str, Any]:
    left_out = {"items", "images_dataset", "layer", "random_seed"}
    facts = {name: value for name, value in asdict(gallery).items() if name not in left_out}
    shown = ("iri", "error", "converged", "matched")
    return facts | {"items": [{name: getattr(item, name) for name in shown} for item in gallery.items]}
