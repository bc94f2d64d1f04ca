"""Public functions: results or tables -> matplotlib axes."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stir.plotting.bars import bar_rows, draw_bar_panel, draw_bars
from stir.plotting.heatmaps import draw_heatmaps
from stir.plotting.layer_curves import curve_rows, draw_curve_panel, draw_layer_curves
from stir.plotting.matrices import add_colour_bar, draw_matrix, label_of, panels_of
from stir.plotting.panels import draw_panel, lowest_of
from stir.plotting.pictures import draw_pictures, draw_rows
from stir.plotting.rows_of_results import rows_of
from stir.plotting.selecting import LABEL, Results, Selection, Tables, read_scores, select
from stir.plotting.sizes import inches_of, letters_of, new_figure

if TYPE_CHECKING:
    from torch import Tensor


def plot_heatmap(
    results: Results,
    *,
    score: str = "stir",
    layer: str | None = None,
    similarity_measure: str | None = None,
    images_dataset: str | None = None,
    models: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    intervals: bool = False,
    width: float | None = None,
    font_size: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix of scores, the reference in rows and the target in columns.

    Parameters
    ----------
    results : SharedInvarianceMatrix, DataFrame, str or Path
        Scores; a path is that of a table such as ``results/tables/NAME.csv``.
    score : str
        ``"stir"``, ``"similarity"`` or ``"stir_excess"``.
    layer : str, optional
        As the table names it; by default its last layer.
    similarity_measure, images_dataset : str, optional
        By default the first one of the table.
    models : sequence of str, optional
        Which models, in this order; by default all.
    names : mapping, optional
        Model -> what the figure calls it.
    intervals : bool
        Whether cells of STIR hold the 95% interval over images, too.
    width, font_size : float, optional
        Inches of the figure, where it is made here; points of digits and names.
    ax : Axes, optional
        Where to draw; by default a new figure with a title and notes on marked cells.

    Returns
    -------
    Axes
        Of the matrix.

    Raises
    ------
    InvalidInputError
        If the table lacks columns, or there is no such model, layer, measure or score.

    Examples
    --------
    >>> import torch, stir
    >>> images = torch.rand(20, 1, 8, 8, generator=torch.manual_seed(0))
    >>> models = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2)) for _ in range(2)]
    >>> axes = stir.plotting.plot_heatmap(stir.shared_invariance_matrix(models, images), width=3.3)
    >>> axes.get_ylabel()
    'reference model'
    """
    chosen = Selection(models, names, layer, similarity_measure, images_dataset)
    rows = first_images(select(read_scores(results), chosen, one_layer=True).scores)
    with letters_of(font_size, width):
        if ax is None:
            return draw_heatmaps(rows, columns=[score], intervals=intervals, width=width, figure=new_figure()).axes[0]
        (panel,) = panels_of(rows, [score])
        mesh = draw_matrix(ax, rows, panel, cell=inches_of(ax) / rows["target_model"].nunique(), intervals=intervals)
        ax.set_ylabel("reference model")
        add_colour_bar(ax, mesh, panel, label_of(panel, rows), across=inches_of(ax))
        return ax


def plot_layers(results: Results, models_table: Results = None, **how: Any) -> Axes:
    """Draw STIR and plain similarity from layer to layer.

    Parameters
    ----------
    results : SharedInvarianceMatrix, DataFrame, str or Path
        Scores; a path is that of a table such as ``results/tables/NAME.csv``, beside which ``NAME-models.csv`` is read.
    models_table : DataFrame, str or Path, optional
        Table of models: a line for each training, over pairs that were trained alike. Without it, a line for each pair.
    **how
        ``similarity_measure``, ``images_dataset``, ``models``, ``names``, ``width``, ``font_size``, ``ax`` as in `plot_heatmap`.

    Returns
    -------
    Axes
        Of the first dataset of images.

    Raises
    ------
    InvalidInputError
        As `plot_heatmap`, or if no two models were trained alike.

    Examples
    --------
    >>> import torch, stir
    >>> images = torch.rand(20, 1, 8, 8, generator=torch.manual_seed(0))
    >>> models = [torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Flatten(), torch.nn.Linear(64, 8)) for _ in range(2)]
    >>> matrix = stir.shared_invariance_matrix(models, images, layer=["0", "output"])
    >>> stir.plotting.plot_layers(matrix).get_ylabel()
    'score'
    """
    return _plot_rows(results, models_table, (curve_rows, draw_curve_panel, draw_layer_curves), **how)


def plot_bars(results: Results, models_table: Results = None, **how: Any) -> Axes:
    """Draw STIR in both directions beside plain similarity, at the last layer.

    Parameters
    ----------
    results, models_table : DataFrame, str or Path
        As in `plot_layers`.
    **how
        As in `plot_layers`; ``layer`` is another layer than the last.

    Returns
    -------
    Axes
        Of the first dataset of images.

    Raises
    ------
    InvalidInputError
        As `plot_layers`.

    Examples
    --------
    >>> import torch, stir
    >>> images = torch.rand(20, 1, 8, 8, generator=torch.manual_seed(0))
    >>> models = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2)) for _ in range(2)]
    >>> stir.plotting.plot_bars(stir.shared_invariance_matrix(models, images)).get_ylabel()
    'score'
    """
    return _plot_rows(results, models_table, (bar_rows, draw_bar_panel, draw_bars), **how)


def show_iris(
    result: Results,
    reference_images: "Tensor | None" = None,
    *,
    n: int = 8,
    models: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    width: float | None = None,
    font_size: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw reference images, seed images and IRIs, each IRI with its inversion error; a mark is on those that did not converge.

    Parameters
    ----------
    result : Inversion, SharedInvariance or SharedInvarianceMatrix
        Whose pictures; of a matrix, those of each model at its last layer.
    reference_images : Float[Tensor, "n c h w"], optional
        X, shown above.
    n : int
        How many images, from the first on.
    models : sequence of str, optional
        Of a matrix, as in `plot_heatmap`.
    names : mapping, optional
        As in `plot_heatmap`.
    width, font_size : float, optional
        As in `plot_heatmap`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With all pictures.

    Raises
    ------
    InvalidInputError
        If the result has no pictures, or they are no images of 1 or 3 channels.

    Examples
    --------
    >>> import torch, stir
    >>> images = torch.rand(8, 1, 8, 8, generator=torch.manual_seed(0))
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2))
    >>> axes = stir.plotting.show_iris(stir.invert(model, images, random_seed=0), images, n=5)
    >>> len(axes.images)
    15
    """
    rows, title = rows_of(result, reference_images, n=n, models=models, names=names)
    with letters_of(font_size, width):
        if ax is None:
            return draw_pictures(rows, title, width=width, figure=new_figure()).axes[0]
        draw_rows(ax, rows)
        ax.set_title(title)
        return ax


_Kind = tuple[
    Callable[[pd.DataFrame, pd.DataFrame | None], pd.DataFrame], Callable[[Axes, pd.DataFrame], None], Callable[..., Figure]
]
"""Which rows are drawn, how into axes, and how into a figure."""


def _plot_rows(
    results: Results,
    models_table: Results,
    kind: _Kind,
    *,
    layer: str | None = None,
    similarity_measure: str | None = None,
    images_dataset: str | None = None,
    models: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    width: float | None = None,
    font_size: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    chosen = Selection(models, names, layer, similarity_measure, images_dataset)
    tables: Tables = select(read_scores(results, models_table), chosen, one_layer=False)
    rows_of_kind, draw_into_axes, draw_figure = kind
    with letters_of(font_size, width):
        if ax is None:
            return draw_figure(tables.scores, tables.models, width=width, figure=new_figure()).axes[0]
        rows = rows_of_kind(first_images(tables.scores), tables.models)
        draw_panel(ax, rows, draw_into_axes, lowest=lowest_of(rows))
        ax.set_ylabel("score")
        ax.legend()
        return ax


def first_images(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first dataset of images."""
    return rows[rows[LABEL] == rows[LABEL].iloc[0]]
