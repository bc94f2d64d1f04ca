"""A borrowed model is given back as it was found."""

import pytest
import torch
from torch import nn

from stir.models.frozen import frozen


def test_inside_it_is_in_eval_mode_and_wants_no_gradients(lived_in_model, images):
    with frozen(lived_in_model) as model:
        assert model is lived_in_model
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        assert not model(images).requires_grad


def test_afterwards_it_is_as_found(lived_in_model, left_as_found, images):
    with left_as_found(lived_in_model), frozen(lived_in_model) as model:
        model(images)


def test_what_it_guards_against_changes_without_it(lived_in_model, left_as_found, images):
    for change in (
        lambda model: model.eval(),
        lambda model: model(images),
        lambda model: model[0].weight.requires_grad_(False),
        lambda model: model.zero_grad(),
        lambda model: model[1].register_forward_hook(lambda *_: None),
        lambda model: model[7].weight.data.add_(1),
    ):
        with pytest.raises(AssertionError), left_as_found(lived_in_model):
            change(lived_in_model)


def test_afterwards_it_is_as_found_although_batch_statistics_were_taken(lived_in_model, left_as_found, images):
    with left_as_found(lived_in_model), frozen(lived_in_model) as model:
        model.train()
        model(images)


def test_after_an_exception_it_is_as_found(lived_in_model, left_as_found, images):
    def use_and_fail():
        with frozen(lived_in_model) as model:
            model(images)
            raise ZeroDivisionError

    with left_as_found(lived_in_model), pytest.raises(ZeroDivisionError):
        use_and_fail()


def test_buffers_keep_their_identity_where_the_forward_pass_does(lived_in_model, images):
    """Others may hold them, as an exponential moving average does."""
    running_mean = lived_in_model[1].running_mean
    with frozen(lived_in_model) as model:
        model(images)
    assert lived_in_model[1].running_mean is running_mean


def test_a_buffer_shared_by_two_modules_and_one_that_is_none():
    model = nn.Sequential(nn.Flatten(), nn.Flatten())
    model[0].register_buffer("shared", torch.ones(2))
    model[1].register_buffer("shared", model[0].shared)
    model[1].register_buffer("absent", None)
    with frozen(model):
        model[1].shared.add_(5)
    assert torch.equal(model[0].shared, torch.ones(2))
    assert model[1].absent is None
