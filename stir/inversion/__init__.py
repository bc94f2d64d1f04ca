"""Find identically represented inputs (IRIs) of a reference model."""

from stir.inversion.invert import DEFAULT_TOLERANCE, METHODS, Inversion, invert

__all__ = ["DEFAULT_TOLERANCE", "METHODS", "Inversion", "invert"]
