"""What the poster states, as predicates over tables of scores, one statement a file.

The public names are in ``__init__.pyi``; each is imported when it is first used, so that
``stir_workflow.statements.names`` costs no ``import pandas``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
