from . import errors as errors
from . import similarity as similarity
from .inversion import Inversion as Inversion
from .inversion import invert as invert
from .models import Normalise as Normalise
from .models import load_checkpoint as load_checkpoint
from .representations import represent as represent
from .shared_invariance import SharedInvariance as SharedInvariance
from .shared_invariance import shared_invariance as shared_invariance

__all__ = [
    "Inversion",
    "Normalise",
    "SharedInvariance",
    "errors",
    "invert",
    "load_checkpoint",
    "represent",
    "shared_invariance",
    "similarity",
]
