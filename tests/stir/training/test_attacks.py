"""Perturbations stay in the ball and in [0, 1], and raise the loss."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from stir.errors import InvalidInputError
from stir.training import Attack, pgd

ATTACKS = pytest.mark.parametrize(
    "attack",
    [Attack("linf", 8 / 255, 10, 2 / 255), Attack("linf", 0.3, 3, 0.3), Attack("l2", 0.5, 10, 0.1), Attack("l2", 3.0, 3, 3.0)],
    ids=lambda attack: f"{attack.norm}-{attack.eps:.2g}",
)


def _lengths(perturbations, norm):
    flat = perturbations.flatten(1)
    return flat.abs().amax(dim=1) if norm == "linf" else flat.norm(dim=1)


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 10)).eval()


@pytest.fixture
def linear_classifier(generator):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model[1].weight.data = torch.randn(10, 64, generator=generator)
    return model


@ATTACKS
def test_perturbations_stay_in_the_ball_and_pixels_in_range(classifier, digits, attack):
    images, labels = digits[0][:200], digits[1][:200]
    attacked = pgd(classifier, images, labels, attack)
    lengths = _lengths(attacked - images, attack.norm)
    assert lengths.max() <= attack.eps * (1 + 1e-5)
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert lengths.max() > 0.5 * attack.eps


@ATTACKS
def test_the_loss_of_every_image_rises(classifier, digits, attack):
    images, labels = digits[0][:200], digits[1][:200]
    attacked = pgd(classifier, images, labels, attack)
    with torch.no_grad():
        before = cross_entropy(classifier(images), labels, reduction="none")
        after = cross_entropy(classifier(attacked), labels, reduction="none")
    assert (after > before).float().mean() > 0.99
    assert after.mean() > before.mean() + 0.01


def test_a_linf_step_is_the_sign_and_an_l2_step_the_unit_of_the_gradient(classifier):
    images = torch.full((3, 1, 8, 8), 0.5).requires_grad_(True)
    labels = torch.tensor([1, 2, 3])
    (gradients,) = torch.autograd.grad(cross_entropy(classifier(images), labels), images)
    images = images.detach()
    units = gradients / gradients.flatten(1).norm(dim=1).view(3, 1, 1, 1)
    torch.testing.assert_close(pgd(classifier, images, labels, Attack("linf", 1.0, 1, 0.25)), images + 0.25 * gradients.sign())
    torch.testing.assert_close(pgd(classifier, images, labels, Attack("l2", 1.0, 1, 0.25)), images + 0.25 * units)


def test_the_strongest_linf_attack_on_a_linear_model_is_known(linear_classifier):
    """For two classes, it is eps times the sign of the difference of their weights; no pixel reaches a bound."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    model[1].weight.data = linear_classifier[1].weight.data[:2].clone()
    images, labels = torch.full((2, 1, 8, 8), 0.5), torch.tensor([0, 1])
    difference = (model[1].weight[1] - model[1].weight[0]).detach().sign().view(1, 1, 8, 8)
    expected = images + 0.1 * torch.cat([difference, -difference])
    torch.testing.assert_close(pgd(model, images, labels, Attack("linf", 0.1, 20, 0.02)), expected)


def test_images_are_attacked_independently_and_without_chance(classifier, digits):
    images, labels = digits[0][:6], digits[1][:6]
    attack = Attack("l2", 1.0, 5, 0.3)
    together = pgd(classifier, images, labels, attack)
    assert torch.equal(together, pgd(classifier, images, labels, attack))
    alone = torch.cat([pgd(classifier, images[i : i + 1], labels[i : i + 1], attack) for i in range(6)])
    torch.testing.assert_close(together, alone)


def test_gradients_of_the_model_and_the_images_are_left_alone(classifier, digits):
    images, labels = digits[0][:6].clone(), digits[1][:6]
    attacked = pgd(classifier, images, labels, Attack("l2", 1.0, 2, 0.3))
    assert torch.equal(images, digits[0][:6])
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert not attacked.requires_grad
    assert not images.requires_grad


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("l1", 0.1, 1, 0.1), r"Unknown norm 'l1'\. Did you mean 'l2'"),
        (("Linf", 0.1, 1, 0.1), r"Unknown norm 'Linf'\. Did you mean 'linf'"),
        (("l2", 0.0, 1, 0.1), r"eps > 0, steps >= 1 and step_size > 0; got .*eps=0\.0"),
        (("l2", -0.1, 1, 0.1), r"eps > 0"),
        (("l2", float("nan"), 1, 0.1), r"eps > 0"),
        (("l2", 0.1, 0, 0.1), r"steps >= 1 .*steps=0"),
        (("l2", 0.1, 1, 0.0), r"step_size > 0; got .*step_size=0\.0"),
    ],
)
def test_what_is_no_attack_is_refused(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        Attack(*settings)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_random_start_is_drawn_in_the_ball_by_the_generator(classifier, norm):
    images, labels = torch.full((400, 1, 8, 8), 0.5), torch.zeros(400, dtype=torch.long)
    attack = Attack(norm, 0.3, 1, 1e-9, random_start=True)
    first, again, other = (
        pgd(classifier, images, labels, attack, generator=torch.Generator().manual_seed(random_seed)) for random_seed in (0, 0, 1)
    )
    lengths = _lengths(first - images, norm)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert lengths.max() <= 0.3 * (1 + 1e-5)
    if norm == "l2":
        # Uniform in a ball of 64 dimensions: half of its volume lies beyond 0.989 of the radius.
        assert (lengths > 0.3 * 0.5 ** (1 / 64)).float().mean() == pytest.approx(0.5, abs=0.08)
    else:
        assert (first - images).abs().mean() == pytest.approx(0.15, abs=0.005)


def test_a_random_start_needs_a_generator(classifier, digits):
    with pytest.raises(InvalidInputError, match="Expected a generator for an attack with a random start"):
        pgd(classifier, digits[0][:2], digits[1][:2], Attack("l2", 0.3, 1, 0.3, random_start=True))
