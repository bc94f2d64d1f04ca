"""Learning curves."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class LearningCurve:
    """Measurements after every epoch.

    Examples
    --------
    >>> from stir.training import LearningCurve
    >>> curve = LearningCurve(training_loss=[2.3, 1.1], clean_accuracy=[0.2, 0.6], robust_accuracy=[0.1, 0.3])
    >>> max(curve.robust_accuracy)
    0.3
    """

    training_loss: list[float] = field(default_factory=list)
    """Objective of the recipe, averaged over the epoch's batches."""
    clean_accuracy: list[float] = field(default_factory=list)
    """Accuracy on the recipe's monitor; empty without one."""
    robust_accuracy: list[float] = field(default_factory=list)
    """Accuracy after the monitor's attack."""

    def to_dict(self) -> dict[str, list[float]]:
        """Return the fields as a plain dictionary."""
        return asdict(self)


COLLAPSE = 0.5


def implausible(curve: LearningCurve, robust_accuracy: float, classes: int) -> str:
    """Return why the robust accuracy of an adversarially trained model is implausible for its recipe, or an empty text.

    Parameters
    ----------
    curve : LearningCurve
        The learning curve of its training.
    robust_accuracy : float
        In [0, 1], at the ball it was trained for.
    classes : int
        Number of classes.

    Returns
    -------
    str
        The reason; empty if it is plausible.

    References
    ----------
    Wong, Rice and Kolter 2020, arXiv:2001.03994, section 4.3: single-step training can lose all robustness within an epoch.

    Examples
    --------
    >>> from stir.training import LearningCurve, implausible
    >>> curve = LearningCurve(training_loss=[2.3, 1.1], clean_accuracy=[0.5, 0.9], robust_accuracy=[0.4, 0.0])
    >>> implausible(curve, 0.0, 10)
    'catastrophic overfitting: robust accuracy was 40% while it trained, and is 0%'
    """
    best = max(curve.robust_accuracy, default=0.0)
    if robust_accuracy < COLLAPSE * best:
        return f"catastrophic overfitting: robust accuracy was {best:.0%} while it trained, and is {robust_accuracy:.0%}"
    if robust_accuracy <= 1 / classes:
        return f"not robust: {robust_accuracy:.0%}, and guessing among {classes} classes gives {1 / classes:.0%}"
    return ""
