"""Training recipes: objective, data order, optimisation, precision."""

from dataclasses import dataclass

from stir.errors import InvalidInputError, check_known
from stir.training.attacks import Attack, check_draws_nothing
from stir.training.augmentation import AUGMENTATIONS
from stir.training.objectives import OBJECTIVES
from stir.training.precision import PRECISIONS
from stir.training.schedules import SCHEDULES


@dataclass(frozen=True)
class Monitor:
    """Images and attack for the accuracies of a learning curve, measured after every epoch.

    Examples
    --------
    >>> from stir.training import Attack, Monitor
    >>> Monitor(n_images=100, attack=Attack("l2", eps=1.0, steps=20, step_size=0.1)).n_images
    100
    """

    n_images: int
    """Number of images: the first test images."""
    attack: Attack

    def __post_init__(self) -> None:
        """Refuse a monitor without images, and an attack with a random start."""
        check_draws_nothing(self.attack)
        if self.n_images < 1:
            raise InvalidInputError(f"Expected monitor.n_images of at least 1; got {self.n_images}.")


@dataclass(frozen=True)
class TrainingRecipe:
    """Settings of a training by SGD with Nesterov momentum.

    Examples
    --------
    >>> from stir.training import Attack, TrainingRecipe
    >>> sgd = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
    >>> attack = Attack("l2", eps=1.0, steps=7, step_size=0.3)
    >>> recipe = TrainingRecipe("at", epochs=10, batch_size=128, attack=attack, **sgd)
    >>> recipe.schedule
    'one_cycle'
    """

    objective: str
    """``"vanilla"`` (cross-entropy on images), ``"at"`` (on their perturbations), ``"trades"`` or ``"mart"``."""
    epochs: int
    batch_size: int
    learning_rate: float
    """Peak of the one-cycle schedule, or start of the step schedule."""
    momentum: float
    weight_decay: float
    attack: Attack | None = None
    """Attack of the objective; None for ``"vanilla"``. TRADES requires ``random_start``."""
    schedule: str = "one_cycle"
    """``"one_cycle"``, or ``"step"``: divided by ten after each third of the epochs."""
    precision: str = "float32"
    """``"float32"``, or ``"bfloat16"``: weights stay in float32, and layers compute in bfloat16."""
    augmentation: str = "none"
    """``"none"``, ``"flip"`` (left to right), or ``"crop_flip"`` (also shifted by up to an eighth of the side)."""
    beta: float = 6.0
    """Weight of the robustness term of TRADES and MART."""
    monitor: Monitor | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names, and an attack that does not fit the objective."""
        check_known("objective", self.objective, OBJECTIVES)
        check_known("schedule", self.schedule, SCHEDULES)
        check_known("precision", self.precision, PRECISIONS)
        check_known("augmentation", self.augmentation, AUGMENTATIONS)
        if (self.attack is None) != (self.objective == "vanilla"):
            raise InvalidInputError(f"Expected an attack for every objective but 'vanilla', and none for that; got {self}.")
        if self.objective == "trades" and self.attack and not self.attack.random_start:
            raise InvalidInputError(
                "Expected random_start: true for the attack of 'trades': its gradient is zero at the image itself."
            )
        if self.beta <= 0:
            raise InvalidInputError(f"Expected beta > 0; got {self.beta}.")
