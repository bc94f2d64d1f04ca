"""An ensemble as reference: IRIs that all of its models represent alike, judged by the worst of them."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from stir.errors import InvalidInputError, InversionError, LayerError, NondeterministicModelError
from stir.inversion import InversionSnapshot, invert
from stir.inversion.problem import InversionProblem
from stir.layers import LayerSpec
from stir.representations import represent

SETTINGS = {"random_seed": 0, "tolerance": 0.1}


def net(random_seed):
    """Two convolutions and a classifier, of which any two can be inverted together."""
    torch.manual_seed(random_seed)
    width = 8 - random_seed  # representations of 128 and 112 features
    convolutions = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, width, 3, 2, 1)]
    return nn.Sequential(*convolutions, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16 * width, 10)).eval()


@pytest.fixture
def images(digits):
    """Seven, so that the median of the pairs is one of their distances."""
    return digits[0][:7].clone()


@pytest.fixture
def pair():
    return [net(0), net(1)]


def errors(model, images, perturbed, layer=None):
    of_images, of_perturbed = (represent(model, x, layer=layer) for x in (images, perturbed))
    return (of_perturbed - of_images).norm(dim=1) / of_images.norm(dim=1)


class Scaled(nn.Module):
    """A network whose representation is a multiple of another's."""

    def __init__(self, network, factor):
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, images):
        return self.factor * self.network(images)


class Detached(nn.Module):
    def forward(self, images):
        return images.detach().flatten(1)


class Random(nn.Module):
    def forward(self, images):
        return images.flatten(1) + torch.rand_like(images.flatten(1))


def test_the_error_is_the_largest_of_the_models_and_convergence_is_judged_by_it(pair, images):
    result = invert(pair, images, **SETTINGS)
    each = torch.stack([errors(model, images, result.iri_images) for model in pair])
    torch.testing.assert_close(result.inversion_error, each.amax(dim=0), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(
        result.seed_error, torch.stack([errors(model, images, result.seed_images) for model in pair]).amax(dim=0)
    )
    assert result.converged.all()
    # They end by the largest error, not by the root of the sum of squares that descents minimise, which is larger.
    assert (each.square().sum(dim=0).sqrt() > SETTINGS["tolerance"]).any()
    of_one_alone = invert(pair[0], images, **SETTINGS)
    assert errors(pair[1], images, of_one_alone.iri_images).max() > 2 * SETTINGS["tolerance"]


def test_every_other_number_is_that_of_the_model_that_matches_worst(pair, images):
    result = invert(pair, images, **SETTINGS)
    pairwise, correlations, same = [], [], []
    for model in pair:
        x, perturbed = (represent(model, of).double().numpy() for of in (images, result.iri_images))
        distances = [np.linalg.norm(x[i] - x[j]) for i in range(len(x)) for j in range(i)]
        pairwise.append(np.linalg.norm(perturbed - x, axis=1) / np.median(distances))
        correlations.append([np.corrcoef(*rows)[0, 1] for rows in zip(x, perturbed, strict=True)])
        with torch.no_grad():
            same.append(model(images).argmax(1) == model(result.iri_images).argmax(1))
    np.testing.assert_allclose(result.pairwise_inversion_error, np.max(pairwise, axis=0), rtol=1e-3)
    np.testing.assert_allclose(result.correlation, np.min(correlations, axis=0), rtol=1e-3)
    torch.testing.assert_close(result.same_class, torch.stack(same).all(dim=0))


def test_a_single_model_in_a_sequence_is_that_model(images):
    alone, listed = (invert(reference, images, **SETTINGS) for reference in (net(0), [net(0)]))
    for name, value in vars(alone).items():
        assert torch.equal(value, getattr(listed, name)) if isinstance(value, torch.Tensor) else value == getattr(listed, name)


def test_a_model_of_large_representations_counts_no_more_than_the_others(pair, images):
    plain, scaled = (
        invert([pair[0], Scaled(pair[1], factor)], images, layer=["penultimate", "output"], **SETTINGS) for factor in (1, 2**20)
    )
    torch.testing.assert_close(plain.iri_images, scaled.iri_images)


def test_linear_models_are_matched_in_what_either_of_them_sees(linear_model, flat_images, generator):
    first, second = (torch.randn(10, 64, generator=generator, dtype=torch.float64) for _ in range(2))
    models = [linear_model(matrix) for matrix in (first, second)]
    result = invert(models, flat_images, layer="0", random_seed=0, tolerance=1e-8, pixel_bounds=None)
    seen = torch.linalg.pinv(torch.cat([first, second])) @ torch.cat([first, second])
    expected = result.seed_images + (flat_images - result.seed_images) @ seen
    torch.testing.assert_close(result.iri_images, expected, rtol=0, atol=1e-6)


def test_the_objective_is_the_sum_of_squared_relative_errors(generator):
    matrix = torch.randn(7, 12, generator=generator, dtype=torch.float64)
    x, targets = torch.rand(3, 12, generator=generator, dtype=torch.float64), torch.rand(3, 7, generator=generator).double()
    problem = InversionProblem(lambda images: images @ matrix.mT, (3, 4), tolerance=0.0)

    def half(images):
        parts = zip((images @ matrix.mT).split([3, 4], dim=1), targets.split([3, 4], dim=1), strict=True)
        return sum(((part - target).norm(dim=1) / target.norm(dim=1)).square() for part, target in parts) / 2

    found, gradients = problem.errors_and_gradients(x, targets)
    torch.testing.assert_close(found, (2 * half(x)).sqrt())
    torch.testing.assert_close(gradients, torch.autograd.functional.jacobian(lambda images: half(images).sum(), x))
    largest = problem.errors(x, targets)
    tolerance = largest.median().item() + 1e-9
    within, _ = InversionProblem(problem.represent_batch, (3, 4), tolerance).errors_and_gradients(x, targets)
    torch.testing.assert_close(within, torch.where(largest <= tolerance, largest, found))


@pytest.mark.parametrize(
    "settings", [{"precision": "bfloat16"}, {"method": "normalised_gradient", "max_iterations": 100, "tolerance": 0.2}], ids=str
)
def test_every_way_to_descend_lowers_the_error_of_all_models(pair, images, settings):
    result = invert(pair, images, **(SETTINGS | settings))
    assert (result.inversion_error < 0.5 * result.seed_error).all()
    assert result.forward_pass.startswith("model 0 traced")


def test_layers_can_be_given_for_each_model(pair, images):
    layers = ["3", LayerSpec("1", pooling="global_average")]
    result = invert(pair, images, layer=layers, **SETTINGS)
    each = torch.stack([errors(*about) for about in zip(pair, [images] * 2, [result.iri_images] * 2, layers, strict=True)])
    torch.testing.assert_close(result.inversion_error, each.amax(dim=0), rtol=1e-3, atol=1e-6)
    with pytest.raises(InvalidInputError, match="Expected one layer for all models or one for each of 2; got 3"):
        invert(pair, images, layer=["1"] * 3, **SETTINGS)


REFUSED = [
    ([], InvalidInputError, "Expected a reference_model, or several; got an empty sequence"),
    ([net, "x"], InvalidInputError, r"Expected reference_model\[1\] as a torch\.nn\.Module; got str"),
    ([net, lambda _: nn.Linear(64, 3)], InvalidInputError, "Model 1 of the ensemble, counted from 0: Expected images of a shape"),
    ([net, lambda _: nn.Sequential(nn.Flatten(), nn.Linear(64, 3))], LayerError, "Model 1 of the ensemble, counted from 0: "),
    ([net, lambda _: Detached()], InversionError, "Model 1 of the ensemble, counted from 0: .* gradients"),
    ([lambda _: Random(), net], NondeterministicModelError, "Model 0 of the ensemble, counted from 0: .* the second time"),
]


@pytest.mark.parametrize(("members", "error", "message"), REFUSED, ids=[message[:50] for *_, message in REFUSED])
def test_a_model_that_cannot_be_inverted_is_refused_by_its_number(images, members, error, message):
    models = [make if isinstance(make, str) else make(number) for number, make in enumerate(members)]
    layer = "3" if error is LayerError else "output"
    with pytest.raises(error, match=message):
        invert(models, images, layer=layer, **SETTINGS)


def test_an_interrupted_inversion_goes_on_to_the_same_bits(pair, images, tmp_path, monkeypatch):
    whole = invert(pair, images, snapshot=InversionSnapshot(tmp_path / "whole"), batch_size=3, **SETTINGS)
    expected = {name: getattr(whole, name)[:].clone() for name in ("iri_images", "inversion_error", "correlation", "same_class")}
    problem, calls = InversionProblem.errors_and_gradients, iter(range(9))

    def interrupted(self, *arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return problem(self, *arguments)

    again = tmp_path / "again"
    monkeypatch.setattr(InversionProblem, "errors_and_gradients", interrupted)
    with pytest.raises(KeyboardInterrupt):
        invert(pair, images, snapshot=InversionSnapshot(again, seconds=0), batch_size=3, **SETTINGS)
    monkeypatch.undo()
    resumed = invert(pair, images, snapshot=InversionSnapshot(again), batch_size=3, **SETTINGS)
    for name, value in expected.items():
        assert torch.equal(getattr(resumed, name)[:], value), name


def test_the_models_are_left_as_found_and_threads_that_share_them_take_turns(pair, images, left_as_found):
    results = {}

    def work(name, models):
        results[name] = invert(models, images[:3], **SETTINGS)

    with left_as_found(pair[0].train()), left_as_found(pair[1]):
        threads = [threading.Thread(target=work, args=about, daemon=True) for about in (("ab", pair), ("ba", pair[::-1]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert all(results[name].converged.all() for name in ("ab", "ba"))
