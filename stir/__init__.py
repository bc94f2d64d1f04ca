"""Measure to what degree one neural network shares another's invariances.

The public names are in ``__init__.pyi``. Each is imported when it is first used,
so that ``import stir_workflow.store.identity`` does not import torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
