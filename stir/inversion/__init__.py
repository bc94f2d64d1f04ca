"""Find identically represented inputs (IRIs) of a reference model."""

from stir.inversion.invert import DEFAULT_TOLERANCE, METHODS, invert
from stir.inversion.outcome import Inversion
from stir.inversion.snapshot import Snapshot

__all__ = ["DEFAULT_TOLERANCE", "METHODS", "Inversion", "Snapshot", "invert"]
