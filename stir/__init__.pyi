from . import errors as errors
from . import similarity as similarity
from .drop_in import STIR as STIR
from .invariance import invariance as invariance
from .inversion import Inversion as Inversion
from .inversion import invert as invert
from .loading import load as load
from .models import Normalise as Normalise
from .models import load_checkpoint as load_checkpoint
from .representations import represent as represent
from .shared_invariance import SharedInvariance as SharedInvariance
from .shared_invariance import shared_invariance as shared_invariance

__version__: str

__all__ = [
    "STIR",
    "Inversion",
    "Normalise",
    "SharedInvariance",
    "errors",
    "invariance",
    "invert",
    "load",
    "load_checkpoint",
    "represent",
    "shared_invariance",
    "similarity",
]
