"""Measure to what degree one neural network shares another's invariances.

The public names are in ``__init__.pyi``. Each is imported when it is first used,
so that ``import stir_workflow.store.identity`` does not import torch.
"""

from typing import Any

import lazy_loader

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Return a public name; the version is looked up when it is asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("stir-workflow")
    return _public(name)
