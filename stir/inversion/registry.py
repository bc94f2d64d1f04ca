"""Methods of inversion, by the names that settings and experiment files use."""

from stir.inversion.descent import Descent
from stir.inversion.lbfgs import LBFGS
from stir.inversion.lbfgs_adam import LBFGSAdam
from stir.inversion.normalised_gradient import NormalisedGradient

METHODS: dict[str, Descent] = {"lbfgs": LBFGS(), "lbfgs_adam": LBFGSAdam(), "normalised_gradient": NormalisedGradient()}
