"""A robust accuracy that is implausible for its recipe is reported."""

import pytest

from stir.training import LearningCurve, implausible


def _curve(*robust):
    return LearningCurve([1.0] * len(robust), [0.5] * len(robust), list(robust))


@pytest.mark.parametrize(
    ("curve", "robust_accuracy", "reason"),
    [
        (_curve(0.1, 0.3, 0.35), 0.33, None),
        (_curve(0.1, 0.4, 0.38), 0.21, None),
        (_curve(0.1, 0.4, 0.02), 0.02, "catastrophic overfitting: robust accuracy was 40% while it trained, and is 2%"),
        (_curve(0.1, 0.4, 0.38), 0.19, "catastrophic overfitting: robust accuracy was 40% while it trained, and is 19%"),
        (_curve(), 0.3, None),
        (_curve(), 0.1, "not robust: 10%, and guessing among 10 classes gives 10%"),
        (_curve(0.08, 0.09), 0.09, "not robust: 9%, and guessing among 10 classes gives 10%"),
    ],
)
def test_collapsed_and_chance_level_robustness_is_implausible(curve, robust_accuracy, reason):
    assert implausible(curve, robust_accuracy, 10) == (reason or "")
