from .api import invert as invert
from .registry import METHODS as METHODS
from .result import Inversion as Inversion
from .settings import DEFAULT_TOLERANCE as DEFAULT_TOLERANCE
from .settings import InversionSettings as InversionSettings
from .snapshot import InversionSnapshot as InversionSnapshot

__all__ = ["DEFAULT_TOLERANCE", "METHODS", "Inversion", "InversionSettings", "InversionSnapshot", "invert"]
