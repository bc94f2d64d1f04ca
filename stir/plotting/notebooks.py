"""Results as notebooks show them: numbers, and the first pictures."""

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.pictures import ImageRow, draw_pictures
from stir.table_layers import layer_positions

MOST_PICTURES = 8


def html_of(text: str, rows: Mapping[str, Any], *, errors: Tensor, converged: Tensor) -> str:
    """Return text and rows of pictures as HTML; the last row carries errors.

    Parameters
    ----------
    text : str
        Shown as it is.
    rows : mapping
        Label -> images (n, c, h, w) in [0, 1], or an object whose slices are; other shapes have no picture.
    errors, converged : Tensor
        Inversion error per image, and whether it reached the tolerance.
    """
    numbers = f"<pre>{escape(text)}</pre>"
    first = [(label, images[:MOST_PICTURES].detach().cpu()) for label, images in rows.items()]
    if not all(images.ndim == 4 and images.shape[1] in (1, 3) for _, images in first):
        return numbers
    drawn = [ImageRow(label, images.clamp(0, 1).to(torch.float32).numpy()) for label, images in first]
    count = len(drawn[-1].images)
    drawn[-1] = ImageRow(drawn[-1].label, drawn[-1].images, errors[:count].cpu().numpy(), converged[:count].cpu().numpy())
    return numbers + _image_of(draw_pictures(drawn), f"{', '.join(rows)} of the first {count} images")


def html_of_scores(text: str, scores: pd.DataFrame) -> str:
    """Return text and the matrices of the first layer and measure of a table of scores as HTML."""
    first = scores.iloc[0]
    shown = (scores["similarity_measure"] == first["similarity_measure"]) & (layer_positions(scores) == 0)
    return f"<pre>{escape(text)}</pre>{_image_of(draw_heatmaps(scores[shown]), 'matrices of STIR, plain similarity and excess')}"


def _image_of(figure: Figure, label: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return f'<img alt="{escape(label)}" src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'
