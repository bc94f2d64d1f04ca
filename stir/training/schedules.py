"""How the learning rate goes over a training."""

from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR


def one_cycle(optimiser: Optimizer, learning_rate: float, steps: int) -> LRScheduler:
    """Rise to the rate and fall to nothing (Smith and Topin 2018, arXiv:1708.07120); momentum stays."""
    return OneCycleLR(optimiser, learning_rate, total_steps=steps, cycle_momentum=False)


def step(optimiser: Optimizer, _: float, steps: int) -> LRScheduler:
    """Divide the rate by ten after each third, as published: of 150 epochs, every 50."""
    return MultiStepLR(optimiser, milestones=[steps // 3, 2 * steps // 3], gamma=0.1)


SCHEDULES: dict[str, Callable[[Optimizer, float, int], LRScheduler]] = {"one_cycle": one_cycle, "step": step}
