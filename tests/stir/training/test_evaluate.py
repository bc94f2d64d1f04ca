"""Clean and robust accuracy."""

import pytest
import torch
from torch import nn

from stir.errors import InvalidInputError
from stir.training import Attack, accuracy

ATTACK = Attack("l2", 0.2, 5, 0.1)


@pytest.fixture
def brightness():
    """Class 1 if the mean pixel is above a half, else class 0: its margins are known."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    model[1].weight.data = torch.stack([torch.zeros(64), torch.ones(64)])
    model[1].bias.data = torch.tensor([0.0, -32.0])
    return model


def _grey(*levels):
    return torch.tensor(levels)[:, None, None, None].expand(-1, 1, 8, 8).contiguous()


def test_accuracies_of_a_model_with_known_margins(brightness):
    """A pixel mean moves by eps / 8 = 0.025 at the most: 0.48 and 0.51 fall, and 0.6 was wrong before."""
    images, labels = _grey(0.2, 0.48, 0.51, 0.9, 0.6), torch.tensor([0, 0, 1, 1, 0])
    for batch_size in (1, 2, 256):
        measured = accuracy(brightness, images, labels, ATTACK, batch_size=batch_size)
        assert (measured.clean, measured.robust) == (0.8, 0.4)


class Wrapped(nn.Module):
    """Give scores as libraries do: in a mapping, in a tuple, or not at all."""

    def __init__(self, model, wrap):
        super().__init__()
        self.model, self.wrap = model, wrap

    def forward(self, images):
        return self.wrap(self.model(images))


@pytest.mark.parametrize("wrap", [lambda scores: {"logits": scores}, lambda scores: (scores, None)])
def test_scores_are_found_in_what_libraries_give(brightness, wrap):
    images, labels = _grey(0.2, 0.48, 0.51, 0.9, 0.6), torch.tensor([0, 0, 1, 1, 0])
    measured = accuracy(Wrapped(brightness, wrap), images, labels, ATTACK)
    assert (measured.clean, measured.robust) == (0.8, 0.4)


@pytest.mark.parametrize("wrap", [lambda scores: {"features": scores}, lambda scores: scores[:, :, None, None]])
def test_a_model_without_scores_is_refused(brightness, wrap):
    with pytest.raises(InvalidInputError, match=r"gives scores per class, \(n, classes\), to train or evaluate it; got"):
        accuracy(Wrapped(brightness, wrap), _grey(0.2, 0.9), torch.tensor([0, 1]), ATTACK)


class Valley(nn.Module):
    """Class 1 if the mean pixel is further than 0.1 from a half, else class 0."""

    def forward(self, images):
        logit = (images.mean(dim=(1, 2, 3)) - 0.5).square() - 0.01
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


def test_an_image_that_is_wrong_as_it_is_counts_as_not_robust():
    """A long step towards the bottom of the valley ends on the other side, where the class is right."""
    measured = accuracy(Valley(), _grey(0.45), torch.tensor([1]), Attack("linf", 0.3, 1, 0.3))
    assert (measured.clean, measured.robust) == (0, 0)


def test_robust_accuracy_falls_with_eps_and_is_at_most_clean(small_net, digits):
    images, labels = digits[0][:300], digits[1][:300]
    small_net.load_state_dict(_fitted(small_net, images, labels))
    measured = [accuracy(small_net, images, labels, Attack("linf", eps, 5, eps / 3)) for eps in (0.01, 0.1, 0.3)]
    robust = [each.robust for each in measured]
    assert len({each.clean for each in measured}) == 1
    assert measured[0].clean >= robust[0] > robust[1] > robust[2]
    assert measured[0].clean > 0.9
    assert robust[2] < 0.2


def _fitted(model, images, labels):
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
    model.zero_grad()
    return model.state_dict()


def test_an_attack_that_draws_is_refused(brightness):
    with pytest.raises(InvalidInputError, match="Expected an attack that draws nothing"):
        accuracy(brightness, _grey(0.2), torch.tensor([0]), Attack("l2", 0.2, 5, 0.1, random_start=True))


def test_it_is_measured_in_eval_mode(digits):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.BatchNorm1d(10), nn.Dropout(0.9)).train()
    labels = model.eval()(digits[0][:50]).argmax(dim=1)
    model.train()
    assert accuracy(model, digits[0][:50], labels, Attack("l2", 1e-9, 1, 1e-9), batch_size=7).clean == 1


def test_the_model_is_left_as_found(lived_in_model, left_as_found, digits):
    with left_as_found(lived_in_model):
        accuracy(lived_in_model, digits[0][:20], digits[1][:20], ATTACK, batch_size=8)
