"""Train a classifier, vanilla or to be robust (AT, TRADES, MART)."""

import math
from collections.abc import Callable
from dataclasses import asdict

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.optim import SGD

from stir.errors import StirError
from stir.progress import progress_bar
from stir.snapshots import Snapshot
from stir.training.attacks import perturb
from stir.training.augmentation import augment
from stir.training.curve import LearningCurve
from stir.training.evaluate import accuracy
from stir.training.objectives import OBJECTIVES, clean_logits, cross_entropy_to, divergence_from
from stir.training.precision import computing_in
from stir.training.recipe import TrainingRecipe
from stir.training.schedules import SCHEDULES
from stir.training.state import TrainingState, beginning, draws_determined_by

LabelledImages = tuple[Float[Tensor, "n c h w"], Int[Tensor, " n"]]


def train(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    recipe: TrainingRecipe,
    *,
    generator: Generator,
    monitored: LabelledImages | None = None,
    progress: bool = False,
    snapshot: Snapshot | None = None,
) -> LearningCurve:
    """Train a model in place, and return its learning curve.

    Parameters
    ----------
    model : torch.nn.Module
        A model with initial weights, on the device of the images; in eval mode afterwards.
    images : Float[Tensor, "n c h w"]
        In [0, 1].
    labels : Int[Tensor, "n"]
        Class numbers.
    recipe : TrainingRecipe
        Settings of the training.
    generator : torch.Generator
        Determines the order of the images and the random numbers of augmentation, attacks and layers such as dropout; on the CPU.
    monitored : tuple of tensors, optional
        Test images and labels, on the first of which the recipe's monitor measures accuracies; they do not affect the weights.
    progress : bool
        Show epochs, loss and time left.
    snapshot : Snapshot, optional
        Stores the state between epochs on disk. After an interruption the same call, with the same initial
        weights and random seed, resumes from it and gives the same bits.

    Returns
    -------
    LearningCurve
        Loss per epoch, and accuracies if they are monitored.

    Raises
    ------
    StirError
        If the loss becomes NaN or infinite.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from stir.training import TrainingRecipe, train
    >>> digits = load_digits()
    >>> images, labels = torch.tensor(digits.images[:500, None] / 16).float(), torch.tensor(digits.target[:500])
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    >>> recipe = TrainingRecipe("vanilla", epochs=2, batch_size=50, learning_rate=0.1, momentum=0.9, weight_decay=0)
    >>> curve = train(model, images, labels, recipe, generator=torch.manual_seed(0))
    >>> curve.training_loss[1] < curve.training_loss[0]
    True
    >>> model.training
    False
    """
    optimiser = SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
    )
    steps = recipe.epochs * -(-len(images) // recipe.batch_size)
    state = TrainingState(model, optimiser, SCHEDULES[recipe.schedule](optimiser, recipe.learning_rate, steps), generator)
    if snapshot is not None:
        state.resume(snapshot, {"recipe": asdict(recipe)} | beginning(model, images, labels, generator))
    curve = LearningCurve(**state.curve)
    done = len(curve.training_loss)
    with progress_bar(f"training ({recipe.objective})", recipe.epochs, unit="epoch", done=done, show=progress) as bar:
        while len(curve.training_loss) < recipe.epochs:
            loss = _epoch(state, images, labels, recipe)
            if not math.isfinite(loss):
                raise StirError(f"The training loss is {loss} in epoch {len(curve.training_loss) + 1}. Lower learning_rate.")
            curve.training_loss.append(loss)
            _measure(model, monitored, recipe, curve)
            state.keep()
            bar.set_postfix_str(_said(curve), refresh=False)
            bar.update()
    model.eval()
    return curve


def _epoch(state: TrainingState, images: Tensor, labels: Tensor, recipe: TrainingRecipe) -> float:
    """Train for one epoch; return the mean loss."""
    total = torch.zeros((), dtype=torch.float64, device=images.device)
    with (
        draws_determined_by(state.generator, images.device) as draws,
        computing_in(recipe.precision, state.model, images.device) as memory_format,
    ):
        order = torch.randperm(len(images), generator=state.generator, dtype=torch.long, device="cpu").to(images.device)
        for rows in order.split(recipe.batch_size):
            batch = augment(images[rows], recipe.augmentation, draws).contiguous(memory_format=memory_format)
            total += _step(state.model, batch, labels[rows], recipe, state.optimiser, draws) * len(rows)
            state.schedule.step()
    return total.item() / len(images)


def _step(
    model: nn.Module, images: Tensor, labels: Tensor, recipe: TrainingRecipe, optimiser: torch.optim.Optimizer, draws: Generator
) -> Tensor:
    model.eval()
    perturbed = _perturbed(model, images, labels, recipe, draws)
    model.train()
    loss = OBJECTIVES[recipe.objective](model, images, perturbed, labels, recipe.beta)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.detach().double()


def _perturbed(model: nn.Module, images: Tensor, labels: Tensor, recipe: TrainingRecipe, draws: Generator) -> Tensor:
    if recipe.attack is None:
        return images
    raised: Callable[[Tensor], Tensor] = cross_entropy_to(labels)
    if recipe.objective == "trades":
        raised = divergence_from(clean_logits(model, images))
    return perturb(model, images, recipe.attack, raised, generator=draws)


def _measure(model: nn.Module, monitored: LabelledImages | None, recipe: TrainingRecipe, curve: LearningCurve) -> None:
    """Add the accuracies of an epoch to the curve, if there are images to measure them on."""
    if recipe.monitor is None or monitored is None:
        return
    images, labels = (part[: recipe.monitor.n_images] for part in monitored)
    found = accuracy(model, images, labels, recipe.monitor.attack)
    curve.clean_accuracy.append(found.clean)
    curve.robust_accuracy.append(found.robust)


def _said(curve: LearningCurve) -> str:
    said = f"loss {curve.training_loss[-1]:.3f}"
    if curve.clean_accuracy:
        said += f", accuracy {curve.clean_accuracy[-1]:.0%}, robust {curve.robust_accuracy[-1]:.0%}"
    return said
