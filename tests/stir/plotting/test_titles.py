"""Titles lie within the figure, whatever the number of models and the length of their names."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from stir.plotting.bars import draw_bars
from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.layer_curves import draw_layer_curves
from stir.plotting.pictures import ImageRow, draw_pictures
from stir.plotting.titles import add_title, counted
from tests.stir.plotting.test_pictures import GREY
from tests.tables_of_scores import model, score_rows

LONG = "a-dataset-with-a-name-of-sixty-four-letters-WWWWWWWWWWWWWWWWWWW"
LAYER = "encoder.layers.encoder_layer_11.mlp.WWWWWWWWWWWWWWWWWWWW"


def heatmap_of(count, name="m{}", layer="penultimate"):
    models = [model("at", seed, model=name.format(seed)) for seed in range(count)]
    return draw_heatmaps(score_rows(models, lambda *_: 0.5, layers=[layer], random_seeds=[0], images_datasets=[LONG]))


def of_seeds(draw):
    models = [model("at", seed, architecture="W" * 60) for seed in (0, 1)]
    rows = score_rows(models, lambda *_: 0.5, layers=["early", LAYER], images_datasets=[LONG])
    return draw(rows, pd.DataFrame(models))


FIGURES = {
    "1 model": lambda: heatmap_of(1),
    "2 models": lambda: heatmap_of(2),
    "3 models of long names": lambda: heatmap_of(3, "W" * 60 + "{}"),
    "2 models and a long layer": lambda: heatmap_of(2, layer=LAYER),
    "models without digits": lambda: heatmap_of(31),
    "bars": lambda: of_seeds(draw_bars),
    "layer_curves": lambda: of_seeds(draw_layer_curves),
    "one picture": lambda: draw_pictures([ImageRow("reference images", GREY[:1])], f"layer {LAYER}, images of {LONG}"),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_titles_and_labels_lie_within_the_figure(figure):
    figure = figure()
    figure.draw_without_rendering()
    texts = [*figure.texts, *(text for axes in figure.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label))]
    for text in texts:
        extent = text.get_window_extent()
        assert extent.x0 >= 0, text
        assert extent.y0 >= 0, text
        assert extent.x1 <= figure.bbox.x1, text
        assert extent.y1 <= figure.bbox.y1, text
    heights = [axes.yaxis.label.get_window_extent().height for axes in figure.axes]
    assert max(heights) < figure.bbox.height / 2, "a label as tall as the figure"


def test_a_title_of_wide_letters_gets_a_smaller_font():
    figure = Figure(figsize=(3, 1))
    add_title(figure, "W" * 39)
    assert figure._suptitle.get_fontsize() < 9
    assert figure._suptitle.get_window_extent().width <= figure.bbox.width


@pytest.mark.parametrize(("number", "said"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (1000, "1,000 pairs")])
def test_nouns_are_singular_for_one(number, said):
    assert counted(number, "pair") == said
