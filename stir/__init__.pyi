from . import errors as errors
from . import plotting as plotting
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
from .shared_invariance_matrix import SharedInvarianceMatrix as SharedInvarianceMatrix
from .shared_invariance_matrix import shared_invariance_matrix as shared_invariance_matrix

__version__: str

__all__ = [
    "STIR",
    "Inversion",
    "Normalise",
    "SharedInvariance",
    "SharedInvarianceMatrix",
    "errors",
    "invariance",
    "invert",
    "load",
    "load_checkpoint",
    "plotting",
    "represent",
    "shared_invariance",
    "shared_invariance_matrix",
    "similarity",
]
