"""The controls in rows of a table of scores: their names, and how many images they take; no torch."""

from collections.abc import Sequence

TARGET_SAME_CLASS = "target_same_class_fraction"
"""How often the target model predicts the same class for X and X'."""
CONTROL_COLUMNS = [
    "stir_low",
    "stir_high",
    "stir_ceiling",
    "stir_seed_floor",
    "stir_untrained",
    "stir_null_p95",
    "stir_null_p_value",
    "stir_calibrated",
    "stir_noise",
    "stir_noise_sd",
    "stir_excess",
    TARGET_SAME_CLASS,
]
"""Controls of a row of scores, in this order; `stir.controls` defines them."""
P_VALUE, P_HOLM = "stir_null_p_value", "stir_null_p_holm"
"""The p-value of a row, and the same corrected over all rows of the table."""
SUMMARISED = [
    "stir_ceiling",
    "stir_seed_floor",
    "stir_untrained",
    "stir_noise",
    "stir_excess",
    "stir_calibrated",
    "stir_null_p95",
    TARGET_SAME_CLASS,
]
"""Controls whose means are in summaries."""
GIVEN = "given"
"""What tables and file names say in place of the method of an inversion, of perturbed images."""
COMPUTED_COLUMNS = ["dtype", "device_kind"]
"""Type of the target model's representations, and the kind of device that computed them."""
LEAST_IMAGES_OF_NULL = 6
"""The fewest images of a null: 5! = 120 orders of five make no percentile worth the name."""
LEAST_IMAGES_OF_INTERVAL = 20
"""The fewest images of an interval over images: below, the spread between images is itself too uncertain."""


def with_holm(columns: Sequence[str]) -> list[str]:
    """Return the columns of a table: the corrected p-value follows the p-value, which rows of scores have alone."""
    after = columns.index(P_VALUE) + 1
    return [*columns[:after], P_HOLM, *columns[after:]]


def missing_for_few_images(n_images: int) -> str:
    """Return which controls are missing for want of images, and how many they take; empty if none is."""
    least = {"intervals over images": LEAST_IMAGES_OF_INTERVAL, "nulls of shuffled images": LEAST_IMAGES_OF_NULL}
    missing = [f"{what} (at least {number})" for what, number in least.items() if n_images < number]
    return f"{n_images} images are too few for {' and '.join(missing)}; use more images." if missing else ""
