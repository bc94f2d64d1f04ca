"""Find identically represented inputs (IRIs) of a reference model.

The public names are in ``__init__.pyi``; each is imported when it is first used, so that reading the names of the
settings costs no ``import torch``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
