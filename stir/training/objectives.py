"""Training objectives: the loss of a batch, and the loss that its perturbations maximise."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from stir.errors import InvalidInputError
from stir.models import logits_of

Logits = Float[Tensor, "n k"]
Labels = Int[Tensor, " n"]
SMALLEST = 1e-12


def logits(model: nn.Module, images: Tensor) -> Logits:
    """Return the scores per class that a model gives, in whatever they stand.

    Raises
    ------
    InvalidInputError
        If it gives none.

    Examples
    --------
    >>> import torch
    >>> from stir.training import logits
    >>> logits(torch.nn.Linear(4, 3), torch.rand(2, 4)).shape
    torch.Size([2, 3])
    """
    output = model(images)
    found = logits_of(output)
    if found is None:
        raise InvalidInputError(
            f"Expected a model that gives scores per class, (n, classes), to train or evaluate it; got {_shown(output)}. "
            "Take the model with its classifier."
        )
    return found


def _shown(output: object) -> str:
    name = type(output).__name__
    return f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {name} without logits"


def divergences(logits: Logits, of: Logits) -> Float[Tensor, " n"]:
    """Return KL(p_of ‖ p_logits) per row, in nats."""
    expected, found = log_softmax(of, dim=1), log_softmax(logits, dim=1)
    return (expected.exp() * (expected - found)).sum(dim=1)


def vanilla(model: nn.Module, images: Tensor, _: Tensor, labels: Labels, __: float) -> Tensor:
    """Return the cross-entropy of images."""
    return cross_entropy(logits(model, images).float(), labels)


def adversarial_training(model: nn.Module, _: Tensor, perturbed: Tensor, labels: Labels, __: float) -> Tensor:
    """Return the cross-entropy of perturbed images (Madry et al. 2018, equation 2.1)."""
    return cross_entropy(logits(model, perturbed).float(), labels)


def trades(model: nn.Module, images: Tensor, perturbed: Tensor, labels: Labels, beta: float) -> Tensor:
    """Return cross-entropy of images + beta · KL(p(x) ‖ p(x')) (Zhang et al. 2019, arXiv:1901.08573, equation 5)."""
    clean, adversarial = logits(model, images).float(), logits(model, perturbed).float()
    return cross_entropy(clean, labels) + beta * divergences(adversarial, of=clean).mean()


def mart(model: nn.Module, images: Tensor, perturbed: Tensor, labels: Labels, beta: float) -> Tensor:
    """Return boosted cross-entropy of x' + beta · mean of KL(p(x) ‖ p(x')) (1 − p_y(x)).

    Wang et al. 2020, "Improving adversarial robustness requires revisiting misclassified examples", equation 11.
    """
    clean, adversarial = logits(model, images).float(), logits(model, perturbed).float()
    own = labels[:, None]
    others = adversarial.softmax(dim=1).scatter(1, own, 0.0)
    margin = -(1 - others.amax(dim=1)).clamp_min(SMALLEST).log()
    missed = 1 - clean.softmax(dim=1).gather(1, own)[:, 0]
    boosted = cross_entropy(adversarial, labels) + margin.mean()
    return boosted + beta * (divergences(adversarial, of=clean) * missed).mean()


OBJECTIVES: dict[str, Callable[[nn.Module, Tensor, Tensor, Tensor, float], Tensor]] = {
    "vanilla": vanilla,
    "at": adversarial_training,
    "trades": trades,
    "mart": mart,
}


def cross_entropy_to(labels: Labels) -> Callable[[Logits], Tensor]:
    """Return the loss that an attack on the classes of images maximises."""
    return lambda logits: cross_entropy(logits.float(), labels, reduction="sum")


def divergence_from(clean: Logits) -> Callable[[Logits], Tensor]:
    """Return the loss that the attack of TRADES maximises: KL(p(x) ‖ p(x')) with p(x) fixed."""
    still = clean.detach().float()
    return lambda logits: divergences(logits.float(), of=still).sum()


@torch.no_grad()
def clean_logits(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits that the attack of TRADES starts from."""
    return logits(model, images)
