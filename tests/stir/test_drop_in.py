"""`stir.STIR` takes the arguments of stir-invariance 0.0 and returns the scores of `stir.shared_invariance`."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import stir
from stir import STIR
from stir.errors import DeviceError, InvalidInputError
from stir.inversion import InversionSettings
from stir.model.tools.helpers import InputNormalize

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "differences.md").read_text(encoding="utf-8")
SETTINGS = InversionSettings(tolerance=0.2, max_iterations=60)
pytestmark = pytest.mark.filterwarnings("ignore::stir.errors.ConvergenceWarning")


def network(random_seed, channels=1):
    torch.manual_seed(random_seed)
    layers = [nn.Conv2d(channels, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 20), nn.Linear(20, 4)]
    return nn.Sequential(*layers).train()


@pytest.fixture
def models():
    return network(0), network(1)


@pytest.fixture
def images():
    return torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def scores(found):
    return found.m1m2, found.m2m1, found.rsm


@pytest.fixture
def expected(models, images):
    """The scores of `stir.shared_invariance` in both directions."""
    first, second = models
    forth = stir.shared_invariance(reference_model=first, target_model=second, images=images, settings=SETTINGS)
    back = stir.shared_invariance(reference_model=second, target_model=first, images=images, settings=SETTINGS)
    return back.score, forth.score, forth.similarity


def test_scores_are_those_of_both_directions(models, images, expected):
    assert scores(STIR(*models, None, nn.Identity(), images, settings=SETTINGS)) == pytest.approx(expected, abs=1e-4)


def test_a_loader_gives_the_first_images_of_all_batches(models, images, expected):
    loader = [(batch, torch.zeros(len(batch))) for batch in torch.cat([images, images]).split(8)]
    assert scores(STIR(*models, None, None, (loader, 20), settings=SETTINGS)) == pytest.approx(expected, abs=1e-4)


def test_models_and_the_global_random_state_are_left_unchanged(models, images, left_as_found):
    state = torch.get_rng_state()
    with left_as_found(models[0]), left_as_found(models[1]):
        STIR(*models, None, None, images, settings=SETTINGS)
    assert torch.equal(torch.get_rng_state(), state)


def test_each_model_has_its_own_normalisation(models, images):
    normaliser, (first, second) = InputNormalize(torch.tensor([0.5]), torch.tensor([0.25])), models
    found = STIR(first, second, normaliser, None, images, settings=SETTINGS)
    normalised = nn.Sequential(normaliser, first)
    expected = stir.shared_invariance(reference_model=normalised, target_model=second, images=images, settings=SETTINGS)
    assert (found.m2m1, found.rsm) == pytest.approx((expected.score, expected.similarity), abs=1e-4)


def test_the_quick_start_runs_as_it_stands(tmp_path, monkeypatch):
    """The script of the published README, with small networks and few images in its three open places."""
    (script,) = re.findall(r"```python\n(import stir\n.*?)```", PAGE, re.DOTALL)
    dataset = torch.utils.data.TensorDataset(torch.rand(12, 3, 8, 8), torch.zeros(12))
    given = {
        "test_dataloader": torch.utils.data.DataLoader(dataset, batch_size=5),
        "model1": network(0, channels=3),
        "model2": network(1, channels=3),
        "total_images": 10,
    }
    lines = [line for line in script.splitlines() if line.split(" = ")[0] not in given]
    assert len(lines) == len(script.splitlines()) - len(given)
    exec("\n".join(lines), given)
    found = given["stir_score"]
    assert all(isinstance(score, float) and score <= 1 for score in scores(found))
    assert len(found.inversion1.converged) == 10


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": "white"},
        {"sim_metric": "kernel_CKA"},
        {"sim_metric": "linear_CKA_batch"},
        {"no_opt": True},
        {"layer1_num": "0", "layer2_num": "3"},
        {"ve_kwargs": {"iterations": 3, "eps": 1000, "step_size": 0.5, "use_best": True}},
        {"random_seed": 1},
    ],
    ids=str,
)
def test_arguments_have_an_effect(models, images, arguments):
    changed = STIR(*models, None, None, images, **{"settings": SETTINGS} | arguments)
    assert scores(changed) != scores(STIR(*models, None, None, images, settings=SETTINGS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": "all_types"}, r"Unknown seed 'all_types'"),
        ({"sim_metric": "linear_cka"}, r"Unknown sim_metric 'linear_cka'\. Did you mean 'linear_CKA'"),
        ({"norm_type": 1}, r"Expected norm_type 2.*got 1"),
        ({"layer1_num": 3}, r"Expected layer1_num as the dotted name.*got 3"),
        ({"layer2_num": "9"}, r"no layer 'network\.9'"),
        ({"ve_kwargs": {"iteration": 3}}, r"key of ve_kwargs 'iteration'\. Did you mean 'iterations'"),
        ({"ve_kwargs": {"targeted": False}}, r"Expected targeted True in ve_kwargs; got False"),
        ({"inputs": ([], 3)}, r"Expected 3 images from the loader; got 0"),
        ({"inputs": ([], 3, 3)}, r"as a tuple of a loader and the number of images"),
        ({"inputs": ([("a", 0)], 1)}, r"batches .* of tensors from the loader; got str"),
        ({"inputs": ([], 0)}, r"Expected the number of images in inputs >= 1; got 0"),
        ({"model1": print}, r"Expected model1 as a torch\.nn\.Module"),
        ({"normalizer2": print}, r"Expected normalizer2 as a torch\.nn\.Module"),
    ],
    ids=str,
)
def test_what_is_not_supported_is_refused(models, images, arguments, message):
    given = {"model1": models[0], "model2": models[1], "normalizer1": None, "normalizer2": None, "inputs": images}
    with pytest.raises((InvalidInputError, stir.errors.LayerError), match=message):
        STIR(**given | arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_absent_gpu_is_refused(models, images):
    with pytest.raises(DeviceError, match="of which there are 0; got \\[0\\]"):
        STIR(*models, None, None, images, devices=[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_scores_of_the_cpu(models, images, expected):
    found = STIR(*models, None, None, images, devices=[0], settings=SETTINGS)
    assert scores(found) == pytest.approx(expected, abs=0.05)
    assert next(models[0].parameters()).device.type == "cpu"
