"""What `stir.STIR` returns."""

from dataclasses import dataclass

from stir.inversion import Inversion


@dataclass(frozen=True)
class STIRResult:
    """Both directions of STIR, and the plain similarity."""

    m1m2: float
    """STIR(m1 | m2) = S_rep(m1(X), m1(X')), where m2(X') = m2(X)."""
    m2m1: float
    """STIR(m2 | m1) = S_rep(m2(X), m2(X')), where m1(X') = m1(X)."""
    rsm: float
    """Plain similarity, S_rep(m1(X), m2(X))."""
    inversion1: Inversion | None
    """Inversion of model1, with the error of every image; None with ``no_opt``."""
    inversion2: Inversion | None
    """Inversion of model2, with the error of every image; None with ``no_opt``."""
