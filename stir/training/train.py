"""Train a classifier, vanilla or adversarially (AT)."""

import math
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR

from stir.errors import InvalidInputError, StirError, check_known
from stir.progress import progress_bar
from stir.snapshots import Snapshot
from stir.training.attacks import Attack, pgd
from stir.training.state import TrainingState, beginning, draws_determined_by

OBJECTIVES = ("vanilla", "at")


@dataclass(frozen=True)
class TrainingRecipe:
    """How a classifier is trained: SGD with Nesterov momentum and a one-cycle learning rate."""

    objective: str
    """``"vanilla"`` (cross-entropy on images), or ``"at"`` (on their PGD perturbations)."""
    epochs: int
    batch_size: int
    learning_rate: float
    """Peak of the cycle."""
    momentum: float
    weight_decay: float
    attack: Attack | None = None
    """Of ``"at"``; None for ``"vanilla"``."""

    def __post_init__(self) -> None:
        """Refuse an objective that is unknown or does not go with the attack."""
        check_known("objective", self.objective, OBJECTIVES)
        if (self.attack is not None) != (self.objective == "at"):
            raise InvalidInputError(f"Expected an attack for the objective 'at' and for no other; got {self}.")


def train(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    recipe: TrainingRecipe,
    *,
    generator: Generator,
    progress: bool = False,
    snapshot: Snapshot | None = None,
) -> list[float]:
    """Train a model in place; return the mean loss of every epoch.

    Parameters
    ----------
    model : torch.nn.Module
        With initial weights, on the device of the images; in eval mode afterwards.
    images : Float[Tensor, "n c h w"]
        In [0, 1].
    labels : Int[Tensor, "n"]
        Class numbers.
    recipe : TrainingRecipe
        How.
    generator : torch.Generator
        Orders the images, and determines what layers such as dropout draw; on the CPU.
    progress : bool
        Show epochs, loss and time left.
    snapshot : Snapshot, optional
        Keeps the state between epochs on disk: after an interruption the same call, with the same initial
        weights and random seed, goes on from there, to the same bits.

    Raises
    ------
    StirError
        If the loss becomes NaN or infinite.
    """
    optimiser, schedule = _descent(model, recipe, batches_per_epoch=-(-len(images) // recipe.batch_size))
    state = TrainingState(model, optimiser, schedule, generator)
    if snapshot is not None:
        state.resume(snapshot, {"recipe": asdict(recipe)} | beginning(model, images, labels, generator))
    done = len(state.losses)
    with progress_bar(f"training ({recipe.objective})", recipe.epochs, unit="epoch", done=done, show=progress) as bar:
        while len(state.losses) < recipe.epochs:
            total = 0.0
            with draws_determined_by(generator, images.device):
                order = torch.randperm(len(images), generator=generator).to(images.device)
                for rows in order.split(recipe.batch_size):
                    total += _step(model, images[rows], labels[rows], recipe.attack, optimiser) * len(rows)
                    schedule.step()
            loss = total / len(images)
            if not math.isfinite(loss):
                raise StirError(f"The training loss is {loss} in epoch {len(state.losses) + 1}. Lower learning_rate.")
            state.losses.append(loss)
            state.keep()
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            bar.update()
    model.eval()
    return state.losses


def _descent(model: nn.Module, recipe: TrainingRecipe, *, batches_per_epoch: int) -> tuple[SGD, OneCycleLR]:
    optimiser = SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
    )
    steps = recipe.epochs * batches_per_epoch
    return optimiser, OneCycleLR(optimiser, recipe.learning_rate, total_steps=steps, cycle_momentum=False)


def _step(model: nn.Module, images: Tensor, labels: Tensor, attack: Attack | None, optimiser: torch.optim.Optimizer) -> float:
    if attack is not None:
        model.eval()
        images = pgd(model, images, labels, attack)
    model.train()
    loss = cross_entropy(model(images), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()
