"""How a training went, epoch by epoch."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class LearningCurve:
    """What was measured after every epoch."""

    training_loss: list[float] = field(default_factory=list)
    """Mean over the epoch's batches, of the recipe's objective."""
    clean_accuracy: list[float] = field(default_factory=list)
    """On the recipe's monitor; empty without one."""
    robust_accuracy: list[float] = field(default_factory=list)
    """The same after its attack."""

    def to_dict(self) -> dict[str, list[float]]:
        """Return the fields as a plain dictionary."""
        return asdict(self)


COLLAPSE = 0.5


def implausible(curve: LearningCurve, robust_accuracy: float, classes: int) -> str:
    """Say why the robust accuracy of an adversarially trained model cannot be what its recipe gives; or nothing.

    Parameters
    ----------
    curve : LearningCurve
        Of its training.
    robust_accuracy : float
        In [0, 1], at the ball it was trained for.
    classes : int
        That it tells apart.

    Returns
    -------
    str
        The reason; empty if it is plausible.

    References
    ----------
    Wong, Rice and Kolter 2020, arXiv:2001.03994, section 4.3: single-step training can lose all robustness within an epoch.
    """
    best = max(curve.robust_accuracy, default=0.0)
    if robust_accuracy < COLLAPSE * best:
        return f"catastrophic overfitting: robust accuracy was {best:.0%} while it trained, and is {robust_accuracy:.0%}"
    if robust_accuracy <= 1 / classes:
        return f"not robust: {robust_accuracy:.0%}, and guessing among {classes} classes gives {1 / classes:.0%}"
    return ""
