"""Methods of inversion, by the names that settings and experiment files use."""

from stir.inversion.descent import Descent
from stir.inversion.lbfgs import LBFGS
from stir.inversion.normalised_gradient import NormalisedGradient

METHODS: dict[str, Descent] = {"lbfgs": LBFGS(), "normalised_gradient": NormalisedGradient()}
