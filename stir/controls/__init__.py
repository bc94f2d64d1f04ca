"""What a STIR is to be compared with: noise of the same distance, a null of shuffled images, and how sure it is."""

from stir.controls.comparing import Controls, Perturbed, controls_of
from stir.controls.controlled import ControlledScore, beside_controls, controlled_score
from stir.controls.intervals import Interval, difference_interval, interval_over_images, jackknife_error, jackknife_interval
from stir.controls.noise import N_NOISE, matched_noise
from stir.controls.null import N_ORDERS, Null, draw_orders, permutation_null
from stir.controls.scales import calibrated, excess

__all__ = [
    "N_NOISE",
    "N_ORDERS",
    "ControlledScore",
    "Controls",
    "Interval",
    "Null",
    "Perturbed",
    "beside_controls",
    "calibrated",
    "controlled_score",
    "controls_of",
    "difference_interval",
    "draw_orders",
    "excess",
    "interval_over_images",
    "jackknife_error",
    "jackknife_interval",
    "matched_noise",
    "permutation_null",
]
