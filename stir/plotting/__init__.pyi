from .api import plot_bars as plot_bars
from .api import plot_heatmap as plot_heatmap
from .api import plot_layers as plot_layers
from .api import show_iris as show_iris

__all__ = ["plot_bars", "plot_heatmap", "plot_layers", "show_iris"]
