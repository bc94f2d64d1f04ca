"""Count and measure once the work that the jobs of a large experiment repeat many times."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from scale_costs import Flop, Setting
from scale_experiment import ATTACK, LAYERS, RECIPES
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from stir.inversion import InversionSettings
from stir.inversion.fast_forward import fast_forwards
from stir.models import Architecture, build_model
from stir.representations import represent
from stir.score import score
from stir.similarity import joint_basis
from stir.training import Attack, TrainingRecipe, accuracy, train
from stir_workflow.store.artifacts import sealing
from stir_workflow.store.hdf5 import Labelled, read_arrays, write_arrays
from stir_workflow.store.identity import Recipe

NETWORK = Architecture("resnet18", 64, 3, 10)
SIDE, COUNTED = 32, 4


def count(work: Callable[[], Any]) -> float:
    """Return the number of floating-point operations of a function."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def count_flop() -> Flop:
    """Count training, evaluation, inversion and representation by running each on a few images."""
    images, labels = torch.rand(COUNTED, 3, SIDE, SIDE), torch.arange(COUNTED)
    attack = Attack(**ATTACK | {"steps": 20})
    model = build_model(NETWORK).eval()
    training = [count(lambda recipe=recipe: _train(recipe, images, labels)) / COUNTED for recipe in RECIPES]
    forwards = {layer: _forward(model, layer, images[:2]) for layer in LAYERS}
    return Flop(
        training=sum(training) / len(RECIPES),
        evaluation=count(lambda: accuracy(model, images[:1], labels[:1], attack)),
        inversion={layer: count(lambda run=run: _evaluate(run, images[:1])) for layer, run in forwards.items()},
        representation={layer: count(lambda run=run: run(images[:1])) for layer, run in forwards.items()},
    )


def _train(recipe: dict[str, Any], images: Tensor, labels: Tensor) -> None:
    settings = {key: value for key, value in recipe.items() if key != "name"} | {"epochs": 1, "batch_size": 2}
    settings |= {"attack": Attack(**recipe["attack"])} if "attack" in recipe else {}
    rates = {"learning_rate": 0.01, "momentum": 0.9, "weight_decay": 0.0}
    train(build_model(NETWORK), images, labels, TrainingRecipe(**rates | settings), generator=torch.Generator())


def _forward(model: nn.Module, layer: str, images: Tensor) -> Callable[[Tensor], Tensor]:
    """Return only the pass up to a layer, without the check that it equals that of the model."""
    name = None if layer == "penultimate" else layer
    forward = fast_forwards(model, name, images, InversionSettings()).exact
    assert forward is not None, "the model could not be traced"
    return forward


def _evaluate(forward: Callable[[Tensor], Tensor], images: Tensor) -> None:
    forward(
        images.clone().requires_grad_()
    ).square().sum().backward()  # weights are frozen, so only gradients of pixels are computed


def describe(n_images: int, **sizes: Any) -> Setting:
    """Return the setting with n CIFAR images and full-width ResNet18s, with the features of the network."""
    model = build_model(NETWORK).eval()
    image = torch.rand(1, 3, SIDE, SIDE)
    features = {layer: represent(model, image, layer=layer).shape[1] for layer in LAYERS}
    weights = sum(value.numel() for value in model.state_dict().values())
    return Setting(features=features, images=n_images, values_an_image=3 * SIDE * SIDE, weights=weights, **sizes)


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Return the CPU time of a function, summed over threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def seconds_of_joint_bases(setting: Setting) -> float:
    """Measure the joint bases of a representation job: one per width of a layer, times layers and random seeds."""
    n, widths = setting.images, list(setting.features.values())
    if setting.basis != "joint":
        return 0.0
    return setting.random_seeds * sum(
        widths.count(d) * cpu_seconds(lambda d=d: joint_basis(torch.rand(n, d), torch.rand(n, d)))
        for d in set(widths)
        if d > 2 * n
    )


def seconds_of_scorings(setting: Setting, measures: list[str]) -> float:
    """Measure the comparisons of a score job: one per kind of layer and measure, times their number."""
    n, total = setting.images, 0.0
    for d in setting.features.values():
        wide = setting.basis == "joint" and d > 2 * n
        of_x, of_x_prime = torch.rand(n, n if wide else d).double(), torch.rand(n, 2 * n if wide else d).double()
        x = {"reference_of_reference": of_x, "target_of_reference": of_x, "target_of_iri": of_x_prime[:, : len(of_x_prime[0])]}
        total += sum(cpu_seconds(lambda x=x, name=name: score(**x, similarity_measure=name)) for name in measures)
    return total * setting.models * setting.random_seeds


def seconds_to_read(megabytes: int = 256) -> float:
    """Measure the time to check and read a file of representations, per gigabyte."""
    recipe = Recipe("representation", 0)
    values = torch.rand(megabytes * 1000, 250).numpy()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"read-{recipe.key}.h5"
        with sealing(path, recipe) as temporary:
            write_arrays(temporary, {"x": Labelled(values, ("image", "feature"), "activation")}, recipe, device="cpu")
        return cpu_seconds(lambda: read_arrays(path, "x")) / (values.nbytes / 1e9)
