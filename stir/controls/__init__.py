"""What a STIR is to be compared with: noise of the same distance, a null of shuffled images, and how sure it is."""

from stir.controls.controlled import ControlledScore, controlled_score
from stir.controls.intervals import Interval, difference_interval, interval_over_images, jackknife_error, jackknife_interval
from stir.controls.noise import matched_noise
from stir.controls.null import Null, draw_orders, holm, permutation_null
from stir.controls.scales import calibrated, excess

__all__ = [
    "ControlledScore",
    "Interval",
    "Null",
    "calibrated",
    "controlled_score",
    "difference_interval",
    "draw_orders",
    "excess",
    "holm",
    "interval_over_images",
    "jackknife_error",
    "jackknife_interval",
    "matched_noise",
    "permutation_null",
]
