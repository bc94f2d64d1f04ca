"""Learning rate schedules."""

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR


def one_cycle(optimiser: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Raise the learning rate to its peak, then lower it to nearly zero (Smith and Topin 2018, arXiv:1708.07120)."""
    return OneCycleLR(optimiser, learning_rate, total_steps=steps, cycle_momentum=False)


def step(optimiser: Optimizer, _: float, steps: int) -> LRScheduler:
    """Divide the learning rate by ten after each third of the epochs, as published (every 50 of 150 epochs)."""
    return MultiStepLR(optimiser, milestones=[steps // 3, 2 * steps // 3], gamma=0.1)


SCHEDULES: dict[str, Callable[[Optimizer, float, int], LRScheduler]] = {"one_cycle": one_cycle, "step": step}
