"""Training lowers the loss, is determined by its generator, and follows the recipe."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from stir.errors import InvalidInputError, StirError
from stir.training import Attack, Monitor, TrainingRecipe, accuracy, train

VANILLA = TrainingRecipe("vanilla", epochs=6, batch_size=64, learning_rate=0.2, momentum=0.9, weight_decay=5e-4)
ATTACK = Attack("linf", 0.15, 3, 0.08)


def _net(random_seed=0):
    torch.manual_seed(random_seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.ReLU(), nn.Linear(32, 10)
    )


def _trained(recipe, images, labels, *, random_seed=0):
    model = _net()
    curve = train(model, images, labels, recipe, generator=torch.Generator().manual_seed(random_seed))
    return model, curve.training_loss


@pytest.fixture(scope="module")
def halves(digits):
    """The first thousand digits to train on, the last 500 to test on."""
    images, labels = digits
    return images[:1000], labels[:1000], images[-500:], labels[-500:]


@pytest.fixture(scope="module")
def vanilla(halves):
    return _trained(VANILLA, *halves[:2])


def test_the_loss_falls_and_digits_are_learnt(vanilla, halves):
    model, losses = vanilla
    assert len(losses) == 6
    assert losses[-1] < 0.1 * losses[0]
    assert losses[0] < 3
    assert accuracy(model, *halves[2:], ATTACK).clean > 0.9


def test_it_ends_in_eval_mode(vanilla):
    assert not any(module.training for module in vanilla[0].modules())


def test_batch_statistics_are_learnt(vanilla):
    assert vanilla[0][1].num_batches_tracked == 6 * 16


def test_adversarial_training_is_more_robust(vanilla, halves):
    robust, _ = _trained(replace(VANILLA, objective="at", attack=ATTACK), *halves[:2])
    of_vanilla, of_robust = (accuracy(model, *halves[2:], ATTACK) for model in (vanilla[0], robust))
    assert of_robust.robust > of_vanilla.robust + 0.2
    assert of_robust.clean > 0.8


def test_the_generator_determines_the_result(halves):
    recipe = replace(VANILLA, epochs=2)
    first, again, other = (_trained(recipe, *halves[:2], random_seed=random_seed) for random_seed in (0, 0, 1))
    assert first[1] == again[1]
    torch.testing.assert_close(dict(first[0].state_dict()), dict(again[0].state_dict()), rtol=0, atol=0)
    assert not torch.equal(first[0][0].weight, other[0][0].weight)


def test_every_image_is_seen_once_an_epoch(digits):
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].sum(dim=(1, 2, 3))))
    images = torch.arange(100.0)[:, None, None, None].expand(-1, 1, 8, 8) / 6400
    recipe = replace(VANILLA, epochs=2, batch_size=32)
    train(model, images, torch.zeros(100, dtype=torch.long), recipe, generator=torch.Generator().manual_seed(0))
    assert [len(batch) for batch in seen] == [32, 32, 32, 4] * 2
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    torch.testing.assert_close(first.sort().values, torch.arange(100.0) / 100)
    torch.testing.assert_close(second.sort().values, torch.arange(100.0) / 100)
    assert not torch.equal(first, second)


def _by_hand(model, images, labels, recipe):
    """Gradient descent on all images at once, with momentum as in Sutskever et al. 2013 and a one-cycle learning rate."""
    (weight,) = model.parameters()
    velocity, losses = torch.zeros_like(weight), []
    rate_of = torch.optim.lr_scheduler.OneCycleLR(
        torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0), recipe.learning_rate, total_steps=recipe.epochs
    )
    for _ in range(recipe.epochs):
        loss = cross_entropy(images.flatten(1) @ weight.mT, labels)
        (gradient,) = torch.autograd.grad(loss, weight)
        gradient = gradient + recipe.weight_decay * weight.detach()
        velocity = recipe.momentum * velocity + gradient
        nesterov = gradient + recipe.momentum * velocity
        weight.data -= rate_of.get_last_lr()[0] * nesterov
        rate_of.optimizer.step()
        rate_of.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_and_weight_decay_are_the_recipes(halves, momentum):
    images, labels = halves[0][:300], halves[1][:300]
    recipe = replace(VANILLA, epochs=8, batch_size=300, momentum=momentum, weight_decay=0.01)
    torch.manual_seed(0)
    models = [nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    curve = train(models[0], images, labels, recipe, generator=torch.Generator().manual_seed(0))
    assert curve.training_loss == pytest.approx(_by_hand(models[1], images, labels, recipe), rel=1e-4)
    torch.testing.assert_close(models[0][1].weight, models[1][1].weight, rtol=1e-3, atol=1e-5)


def test_a_loss_that_is_not_finite_stops_it(halves):
    with pytest.raises(StirError, match=r"training loss is nan in epoch 1\. Lower learning_rate"):
        _trained(VANILLA, halves[0] * torch.nan, halves[1])


def test_a_learning_rate_that_diverges_stops_it(halves):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 10))
    with pytest.raises(StirError, match=r"training loss is (nan|inf) in epoch \d\. Lower learning_rate"):
        train(model, *halves[:2], replace(VANILLA, learning_rate=1e12), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("objective", ["at", "trades", "mart"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_robust_objective_gives_a_robust_model_from_single_steps(halves, objective, precision):
    attack = replace(ATTACK, steps=1, step_size=1.25 * ATTACK.eps, random_start=True)
    recipe = replace(VANILLA, objective=objective, attack=attack, precision=precision)
    robust, losses = _trained(recipe, *halves[:2])
    found = accuracy(robust, *halves[2:], ATTACK)
    assert losses[-1] < losses[0]
    assert found.clean > 0.7
    assert found.robust > 0.4
    assert all(parameter.dtype == torch.float32 for parameter in robust.parameters())


def test_bfloat16_computes_in_bfloat16_and_gives_the_model_back_as_it_was(halves):
    model, computed = _net(), []
    model[0].register_forward_hook(lambda _module, _inputs, output: computed.append(output.dtype))
    curve = train(model, *halves[:2], replace(VANILLA, precision="bfloat16"), generator=torch.Generator().manual_seed(0))
    assert set(computed) == {torch.bfloat16}
    assert curve.training_loss[-1] < 0.2 * curve.training_loss[0]
    assert all(parameter.is_contiguous() for parameter in model.parameters())


def test_the_step_schedule_divides_the_rate_by_ten_after_each_third(halves):
    rates = []
    model = _net()
    optimiser_step = torch.optim.SGD.step

    def spied(self, *arguments):
        rates.append(self.param_groups[0]["lr"])
        return optimiser_step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", spied)
        recipe = replace(VANILLA, epochs=3, batch_size=500, schedule="step")
        train(model, *halves[:2], recipe, generator=torch.Generator().manual_seed(0))
    assert rates == pytest.approx([0.2, 0.2, 0.02, 0.02, 0.002, 0.002])


def test_a_monitor_measures_after_every_epoch_and_changes_no_bit(halves):
    recipe = replace(VANILLA, epochs=2)
    monitored = _net()
    curve = train(
        monitored,
        *halves[:2],
        replace(recipe, monitor=Monitor(100, ATTACK)),
        generator=torch.Generator().manual_seed(0),
        monitored=halves[2:],
    )
    without, _ = _trained(recipe, *halves[:2])
    last = accuracy(monitored, halves[2][:100], halves[3][:100], ATTACK)
    assert len(curve.clean_accuracy) == len(curve.robust_accuracy) == len(curve.training_loss) == 2
    assert (curve.clean_accuracy[-1], curve.robust_accuracy[-1]) == (last.clean, last.robust)
    torch.testing.assert_close(dict(monitored.state_dict()), dict(without.state_dict()), rtol=0, atol=0)


def test_progress_shows_epochs_and_loss(halves, capsys, monkeypatch):
    monkeypatch.setattr("stir.progress.SECONDS_BETWEEN_LINES", 0)
    train(_net(), *halves[:2], replace(VANILLA, epochs=1), generator=torch.Generator().manual_seed(0), progress=True)
    shown = capsys.readouterr().err
    assert "training (vanilla)" in shown
    assert "1/1" in shown
    assert "loss" in shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "vanila"}, r"Unknown objective 'vanila'\. Did you mean 'vanilla'\?"),
        ({"objective": "at"}, r"Expected an attack for every objective but 'vanilla', .*attack=None"),
        ({"attack": ATTACK}, r"Expected an attack for every objective but 'vanilla', and none for that; got .*'vanilla'"),
        ({"schedule": "steps"}, r"Unknown schedule 'steps'\. Did you mean 'step'\?"),
        ({"precision": "float16"}, r"Unknown precision 'float16'"),
        ({"augmentation": "flips"}, r"Unknown augmentation 'flips'"),
        ({"objective": "trades", "attack": ATTACK}, r"Expected random_start: true for the attack of 'trades'"),
        ({"objective": "mart", "attack": ATTACK, "beta": 0.0}, r"Expected beta > 0; got 0\.0"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        replace(VANILLA, **changes)
