"""The losses of AT, TRADES and MART against their definitions, written out image by image."""

import pytest
import torch
from torch import nn

from stir.training.objectives import OBJECTIVES, divergence_from, divergences

BETA = 6.0


class Table(nn.Module):
    """Images (n, k) are logits."""

    def forward(self, images):
        return images


@pytest.fixture
def logits(generator):
    return torch.randn(5, 4, generator=generator), torch.randn(5, 4, generator=generator), torch.tensor([0, 3, 1, 2, 2])


def _loss(name, logits):
    clean, perturbed, labels = logits
    return OBJECTIVES[name](Table(), clean, perturbed, labels, BETA).item()


def _probabilities(logits):
    return [[float(value.exp() / row.exp().sum()) for value in row] for row in logits.double()]


def _kl(p, q):
    return sum(a * (torch.tensor(a).log() - torch.tensor(b).log()).item() for a, b in zip(p, q, strict=True))


def _log(value):
    return torch.tensor(value).log().item()


def _by_hand(name, logits):
    clean, perturbed, labels = logits
    total = 0.0
    for p, q, label in zip(_probabilities(clean), _probabilities(perturbed), labels.tolist(), strict=True):
        wrong = max(value for number, value in enumerate(q) if number != label)
        total += {
            "vanilla": -_log(p[label]),
            "at": -_log(q[label]),
            "trades": -_log(p[label]) + BETA * _kl(p, q),
            "mart": -_log(q[label]) - _log(1 - wrong) + BETA * _kl(p, q) * (1 - p[label]),
        }[name]
    return total / len(labels)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_is_as_defined(logits, name):
    assert _loss(name, logits) == pytest.approx(_by_hand(name, logits), rel=1e-4)


@pytest.mark.parametrize("name", ["trades", "mart"])
def test_the_gradient_goes_through_the_clean_and_the_perturbed_image(logits, name):
    clean, perturbed, labels = logits
    clean.requires_grad_(True)
    perturbed.requires_grad_(True)
    gradients = torch.autograd.grad(OBJECTIVES[name](Table(), clean, perturbed, labels, BETA), [clean, perturbed])
    assert all(gradient.abs().max() > 1e-3 for gradient in gradients)


def test_a_divergence_of_logits_from_themselves_is_zero_and_of_others_is_not(logits):
    clean, perturbed, _ = logits
    assert divergences(clean, of=clean).abs().max() == 0
    assert divergences(perturbed, of=clean).min() > 0


def test_the_attack_of_trades_holds_the_clean_image_still(logits):
    clean, perturbed, _ = logits
    clean.requires_grad_(True)
    perturbed.requires_grad_(True)
    divergence_from(clean)(perturbed).backward()
    assert clean.grad is None
    assert perturbed.grad.abs().max() > 0


def test_losses_are_finite_where_a_wrong_class_is_certain():
    certain = torch.tensor([[100.0, -100.0]])
    for name in OBJECTIVES:
        assert torch.isfinite(OBJECTIVES[name](Table(), certain, certain, torch.tensor([1]), BETA))
