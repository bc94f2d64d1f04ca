"""Tensors of one device and type, whatever `torch.set_default_device` and `torch.set_default_dtype` say."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

OF_FLOATS = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.linspace, torch.eye)
"""Functions whose results are of the default type."""
OF_VALUES = (torch.tensor, torch.full, torch.arange, torch.as_tensor)
"""Functions whose results are of the default type where the values are no integers."""
OTHERS = (torch.randint, torch.randperm)
NUMBERS = (torch.arange, torch.linspace, torch.tensor)
"""Constructors read these values again, so that they are numbers on every device."""


class Making(TorchFunctionMode):
    """Make tensors on a device, in float32, where a constructor says nothing else; in this thread alone."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Add device and type to what makes a tensor."""
        kwargs = dict(kwargs or {})
        if func not in OF_FLOATS + OF_VALUES + OTHERS:
            return func(*args, **kwargs)
        untyped = kwargs.get("dtype") is None
        if kwargs.get("device") is None and not (func is torch.as_tensor and isinstance(args[0], torch.Tensor)):
            kwargs["device"] = "cpu" if func in NUMBERS else self._device
        if untyped and func in OF_FLOATS:
            kwargs["dtype"] = torch.float32
        made = func(*args, **kwargs)
        default = untyped and func in OF_VALUES and made.dtype == torch.get_default_dtype()
        return made.float() if default and func is not torch.as_tensor else made
