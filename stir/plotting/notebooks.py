"""Results as notebooks show them: numbers, and the first pictures."""

import base64
import io
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stir.errors import InvalidInputError
from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.pictures import draw_pictures
from stir.plotting.rows_of_results import rows_of
from stir.table_layers import layer_positions

MOST_PICTURES = 8


def html_of(result: Any) -> str:
    """Return a result with pictures as HTML: its text, and its first pictures, where they are images."""
    numbers = _text(repr(result))
    try:
        rows, title = rows_of(result, n=MOST_PICTURES)
    except InvalidInputError:  # vectors, which have no picture
        return numbers
    labels = ", ".join(row.label for row in rows)
    return numbers + _image_of(draw_pictures(rows, title), f"{labels} of the first {len(rows[0].images)} images")


def html_of_scores(text: str, scores: pd.DataFrame) -> str:
    """Return text and the matrices of the last layer and first measure of a table of scores as HTML."""
    positions = layer_positions(scores)
    shown = (scores["similarity_measure"] == scores["similarity_measure"].iloc[0]) & (positions == positions.max())
    return f"{_text(text)}{_image_of(draw_heatmaps(scores[shown]), 'matrices of STIR, plain similarity and excess')}"


def _text(text: str) -> str:
    return f'<pre style="font-family: monospace">{escape(text)}</pre>'


def _image_of(figure: Figure, label: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return f'<img alt="{escape(label)}" src="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}">'
