"""An inversion gives the same whatever the caller's contexts and defaults are, and takes models as people have them."""

import warnings

import pytest
import torch
from torch import nn

from stir.errors import ConstantFeaturesError, ConvergenceWarning, InvalidInputError, MatchWarning
from stir.inversion import invert
from stir.models import Architecture, build_model
from stir.representations import represent


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Drifting(nn.Module):
    """Adds a buffer that every call changes, in eval mode, too."""

    def __init__(self):
        super().__init__()
        self.register_buffer("offset", torch.zeros(()))

    def forward(self, x):
        self.offset += 0.1
        return x + self.offset


def _inverted(model, images, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return invert(model, images[:3], **{"random_seed": 0, "max_iterations": 6, "tolerance": 0.1} | settings)


CONTEXTS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "default device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("seed_images", ["normal_noise", "white", "other_image"])
def test_contexts_of_the_caller_change_nothing_and_stay(small_net, images, context, seed_images):
    expected = _inverted(small_net, images, seed_images=seed_images), represent(small_net, images)
    with CONTEXTS[context]():
        states = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
        found = _inverted(small_net, images, seed_images=seed_images), represent(small_net, images)
        assert states == (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"))
    assert torch.equal(found[1], expected[1])
    assert torch.equal(found[0].iri_images, expected[0].iri_images)
    assert torch.equal(found[0].correlation, expected[0].correlation)


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


WIDTHS = {"resnet8": 4, "torchvision.shufflenet_v2_x0_5": None}


@pytest.fixture
def built():
    """Weights and IRIs, found before the default type is another."""
    models = {name: build_model(Architecture(name, width, 3, 4), random_seed=3) for name, width in WIDTHS.items()}
    photos = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return models, photos, _inverted(models["resnet8"], photos).iri_images


def test_the_default_type_changes_neither_weights_nor_results(built, float64_by_default):
    models, photos, iri_images = built
    for name, width in WIDTHS.items():
        again = build_model(Architecture(name, width, 3, 4), random_seed=3).state_dict()
        assert all(
            torch.equal(again[key], value) and again[key].dtype == value.dtype for key, value in models[name].state_dict().items()
        )
    found = _inverted(models["resnet8"], photos)
    assert torch.equal(found.iri_images, iri_images)
    assert found.correlation.dtype == torch.float32


@pytest.mark.parametrize("name", WIDTHS)
def test_the_default_device_changes_no_weights(name):
    expected = build_model(Architecture(name, WIDTHS[name], 3, 4), random_seed=3).state_dict()
    with torch.device("meta"):
        found = build_model(Architecture(name, WIDTHS[name], 3, 4), random_seed=3).state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("images_too", [False, True])
def test_models_of_half_precision_are_inverted_as_far_as_they_say(small_net, images, dtype, images_too):
    images = images[:3].to(dtype) if images_too else images[:3]
    model = small_net.to(dtype)
    inversion = _inverted(model, images, max_iterations=100)
    represented = [represent(model, x).double() for x in (inversion.iri_images, images)]
    errors = (represented[0] - represented[1]).norm(dim=1) / represented[1].norm(dim=1)
    assert inversion.converged.all()
    torch.testing.assert_close(inversion.inversion_error.double(), errors, rtol=0.05, atol=1e-4)


def test_representations_whose_squares_overflow_in_float16_have_errors(images):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 300), nn.Linear(300, 2))
    nn.init.constant_(model[1].bias, 400)
    model[1].weight.data *= 200
    found = _inverted(model.half(), images, max_iterations=2, tolerance=0.01)
    assert not found.converged.any()
    assert (found.seed_error > 0.05).all()


def test_a_model_that_squeezes_single_images_away_is_inverted_and_represented(images):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.AdaptiveAvgPool2d(1), Apply(torch.squeeze), nn.Linear(6, 2))
    alone = torch.cat([represent(model, image[None], layer="2") for image in images])
    torch.testing.assert_close(represent(model, images, layer="2", batch_size=11), alone)
    assert _inverted(model, images, max_iterations=60, tolerance=0.03).converged.any()


@pytest.mark.parametrize("images_in_all", [1, 8])
def test_a_model_that_works_in_place_leaves_the_images_as_they_are(small_net, images, images_in_all):
    images = images[:images_in_all].clone()
    found = images.clone()
    in_place = nn.Sequential(Apply(lambda x: x.sub_(0.5).div_(0.25)), small_net)
    beside = nn.Sequential(Apply(lambda x: (x - 0.5) / 0.25), small_net)
    assert torch.equal(represent(in_place, images), represent(beside, images))
    settings = {"max_iterations": 5, "random_seed": 0, "tolerance": 0.9}
    assert torch.equal(invert(in_place, images, **settings).iri_images, invert(beside, images, **settings).iri_images)
    assert torch.equal(images, found)


def test_what_drifts_with_every_call_is_put_back_after_each(images, left_as_found):
    model = nn.Sequential(Drifting(), nn.Flatten(), nn.Linear(64, 4), nn.Linear(4, 2))
    with left_as_found(model):
        whole = represent(model, images)
        assert torch.equal(whole, represent(model, images, batch_size=3).clone())
        inversion = _inverted(model, images, max_iterations=30)
    errors = (represent(model, inversion.iri_images) - whole[:3]).norm(dim=1) / whole[:3].norm(dim=1)
    torch.testing.assert_close(inversion.inversion_error, errors, rtol=1e-3, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # of the compiler
@pytest.mark.parametrize("where", ["whole", "inside"])
def test_compiled_models_are_read_at_every_layer(small_net, images, where):
    expected = represent(small_net, images, layer="3"), represent(small_net, images)
    compiled = torch.compile(small_net.eval(), backend="eager") if where == "whole" else small_net.eval()
    if where == "inside":
        small_net[3].compile(backend="eager")
    compiled(images)
    assert torch.equal(represent(compiled, images, layer="3"), expected[0])
    assert torch.equal(represent(compiled, images), expected[1])


def test_integers_in_a_quantised_model_are_no_type_for_images(images):
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(64, 3, dtype=torch.int8), requires_grad=False)
            self.end = nn.Identity()

        def forward(self, x):
            return self.end(x.flatten(1) @ self.weight.float())

    torch.testing.assert_close(represent(Quantised(), images, layer="end"), images.flatten(1).sum(1, keepdim=True).expand(-1, 3))


@pytest.mark.parametrize(
    "settings",
    [
        *({"max_iterations": value} for value in (float("inf"), True, "5", 2.5, float("nan"), [3])),
        *({"tolerance": value} for value in ("0.1", True, float("inf"), None, [0.1])),
        *({"batch_size": value} for value in (2.5, True, "4", float("nan"), None)),
        *({"pixel_bounds": value} for value in (("a", "b"), (False, True), (0, float("inf")), (0, None), "01")),
        *({"random_seed": value} for value in (True, -1, "3", 2**64, 1.0, None)),
        *(
            {key: value}
            for key in ("method", "pooling", "seed_images", "precision", "fake_last_relu")
            for value in (None, ["lbfgs"], 3)
        ),
    ],
    ids=str,
)
def test_arguments_of_another_kind_are_refused_in_one_message(small_net, images, settings):
    with pytest.raises(InvalidInputError, match=rf"^(Expected|Unknown).*{next(iter(settings)).split('_')[0]}") as refused:
        _inverted(small_net, images, **settings)
    assert "\n" not in str(refused.value)


def test_pixels_that_rounding_put_out_of_bounds_are_clamped_and_others_refused_with_their_excess(small_net, images):
    images = images[:3] / images[:3].max()
    expected = _inverted(small_net, images, seed_images="other_image")
    found = _inverted(small_net, images * (1 + 1e-7), seed_images="other_image")
    assert (images * (1 + 1.2e-7)).max() > 1
    torch.testing.assert_close(found.iri_images, expected.iri_images)
    with pytest.raises(InvalidInputError, match=r"got values from 0 to 1\. .*Excess: 1e-05"):
        _inverted(small_net, images * (1 + 1e-5))


def test_reference_images_that_are_represented_alike_are_refused(small_net, images):
    constant = nn.Sequential(nn.Flatten(), Apply(lambda x: 5 + 1e-12 * x), nn.Linear(64, 2))
    with pytest.raises(ConstantFeaturesError, match=r"differ between images in m1\(X\); all 3 images are represented alike"):
        _inverted(constant, images)
    _inverted(small_net, images[:1])


def test_images_that_match_before_anything_is_inverted_are_warned_of(images):
    nearly = nn.Sequential(nn.Flatten(), Apply(lambda x: 5 + 1e-3 * x), nn.Linear(64, 2))
    with pytest.warns(MatchWarning, match=r"nearly alike: their median distance is .*within the tolerance 0\.1"):
        inversion = _inverted(nearly, images)
    assert (inversion.null_correlation < 0.999).all()
