"""Find identically represented inputs (IRIs) of a reference model."""

from stir.inversion.invert import DEFAULT_TOLERANCE, METHODS, Inversion, invert
from stir.inversion.snapshot import Snapshot

__all__ = ["DEFAULT_TOLERANCE", "METHODS", "Inversion", "Snapshot", "invert"]
