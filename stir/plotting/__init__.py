"""Table -> figure; nothing is recomputed. matplotlib is imported when something is drawn.

The public functions take results or tables (data frames, or paths of CSV files) and return matplotlib axes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
