"""`STIR` with the arguments of the package ``stir-invariance`` 0.0; docs/differences.md explains how results differ."""

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stir.checks import check_count
from stir.drop_in_result import STIRResult
from stir.errors import DeviceError, InvalidInputError, check_known
from stir.inversion import Inversion, InversionSettings, invert
from stir.models.usable import check_model
from stir.names import shortened
from stir.representations import represent
from stir.seed_images import make_seed_images
from stir.similarity import get_similarity_measure, minibatch_cka

SEEDS = {
    "super-noise": "normal_noise",
    "super-noise-same": "shared_noise",
    "completely-random": "uniform_noise",
    "white": "white",
    "black": "black",
    "mixed_inputs": "other_image",
}
"""Published name -> our kind of seed images."""
MEASURES = {"linear_CKA": "linear_cka", "kernel_CKA": "rbf_cka", "linear_CKA_batch": "minibatch_cka"}
"""Published name -> our similarity measure."""
REQUIRED = {"custom_loss": None, "constraint": "unconstrained", "targeted": True, "should_normalize": True}
"""Entries of ``ve_kwargs`` that have one supported value."""
WITHOUT_EFFECT = ("eps", "step_size", "use_best")
"""Entries of ``ve_kwargs`` that do not apply to our inversion."""
DEFAULTS = InversionSettings(max_iterations=1000)


def STIR(  # noqa: N802 (the published name)
    model1: nn.Module,
    model2: nn.Module,
    normalizer1: nn.Module | None,
    normalizer2: nn.Module | None,
    inputs: Float[Tensor, "n c h w"] | tuple[Iterable[Any], int],
    devices: Sequence[int] | None = None,
    ve_kwargs: Mapping[str, Any] | None = None,
    norm_type: float = 2.0,
    seed: str = "super-noise",
    verbose: bool = False,
    sim_metric: str = "linear_CKA",
    no_opt: bool = False,
    layer1_num: str | None = None,
    layer2_num: str | None = None,
    *,
    random_seed: int = 0,
    settings: InversionSettings = DEFAULTS,
) -> STIRResult:
    """Measure STIR in both directions, with the arguments of ``stir-invariance`` 0.0.

    Both models are used in eval mode and left unchanged.

    Parameters
    ----------
    model1, model2 : torch.nn.Module
        m1 and m2, whose forward pass takes normalised images.
    normalizer1, normalizer2 : torch.nn.Module or None
        Normalisation of images in [0, 1] for each model.
    inputs : Float[Tensor, "n c h w"] or tuple
        X in [0, 1]; or a loader of batches (images, labels), and the number of images to use.
    devices : sequence of int, optional
        The first is the GPU to use. By default the device of ``model1``, which may be the CPU. Models on other
        devices are copied.
    ve_kwargs : mapping, optional
        ``iterations`` is the maximum number of forward and backward passes per image, and ``do_tqdm`` shows progress.
        ``eps``, ``step_size`` and ``use_best`` have no effect. Other values than the published ones of the
        remaining keys are refused.
    norm_type : float
        Norm of the inversion error; only 2 is supported.
    seed : str
        Kind of seed images: ``"super-noise"``, ``"super-noise-same"``, ``"completely-random"``, ``"white"``, ``"black"``
        or ``"mixed_inputs"``.
    verbose : bool
        Show progress.
    sim_metric : str
        S_rep: ``"linear_CKA"``, ``"kernel_CKA"`` or ``"linear_CKA_batch"``.
    no_opt : bool
        Use the seed images as X', without an inversion.
    layer1_num, layer2_num : str, optional
        Dotted names of layers of the models; by default the input of the last linear layer. Numbers are refused,
        since they depend on the networks of the published package.
    random_seed : int
        Random seed of the seed images.
    settings : InversionSettings
        Further settings of the inversion, such as its method and tolerance.

    Returns
    -------
    STIRResult
        ``m1m2``, ``m2m1`` and ``rsm``, and both inversions.

    Warns
    -----
    ConvergenceWarning
        If some images did not converge.

    Raises
    ------
    InvalidInputError
        If an argument is invalid or not supported.
    DeviceError
        If there is no such GPU.

    References
    ----------
    Nanda et al. 2022, arXiv:2206.11939, equation 2.

    Examples
    --------
    >>> import torch, stir
    >>> images = torch.rand(20, 1, 8, 8, generator=torch.manual_seed(0))
    >>> models = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4), torch.nn.Linear(4, 2)) for _ in range(2)]
    >>> result = stir.STIR(*models, None, None, images)
    >>> 0 < result.m1m2 < 1, 0 < result.m2m1 < 1
    (True, True)
    """
    check_known("sim_metric", sim_metric, MEASURES)
    if norm_type != 2:
        raise InvalidInputError(f"Expected norm_type 2, the norm of the inversion error; got {norm_type!r}. Leave it out.")
    settings, progress = _settings(settings, ve_kwargs or {}, seed)
    layers = [_layer(number, f"layer{i}_num") for i, number in enumerate((layer1_num, layer2_num), start=1)]
    images, batch_size = _images(inputs)
    device = _device(devices, model1)
    networks = [_network(model1, normalizer1, "1", device), _network(model2, normalizer2, "2", device)]
    images = images.to(device)

    def represented(number: int, of: Tensor) -> Tensor:
        return represent(networks[number], of, layer=layers[number], batch_size=settings.batch_size)

    def inverted(number: int) -> Inversion | None:
        if no_opt:
            return None
        return invert(
            networks[number],
            images,
            layer=layers[number],
            random_seed=random_seed,
            settings=settings,
            progress=progress or verbose,
        )

    def similarity(x: Tensor, y: Tensor) -> float:
        if sim_metric == "linear_CKA_batch":
            return minibatch_cka(x, y, batch_size=max(batch_size, 4))
        return get_similarity_measure(MEASURES[sim_metric])(x, y)

    seeds = make_seed_images(settings.seed_images, images, random_seed=random_seed, pixel_bounds=settings.pixel_bounds)
    of_images = [represented(0, images), represented(1, images)]
    inversions = [inverted(0), inverted(1)]
    matched = [seeds[:] if inversion is None else inversion.iri_images for inversion in inversions]
    return STIRResult(
        m1m2=similarity(of_images[0], represented(0, matched[1])),
        m2m1=similarity(of_images[1], represented(1, matched[0])),
        rsm=similarity(*of_images),
        inversion1=inversions[0],
        inversion2=inversions[1],
    )


def _settings(settings: InversionSettings, ve_kwargs: Mapping[str, Any], seed: str) -> tuple[InversionSettings, bool]:
    """Return the settings of the inversion, and whether to show progress."""
    check_known("seed", seed, SEEDS)
    for key, value in ve_kwargs.items():
        check_known("key of ve_kwargs", key, (*REQUIRED, *WITHOUT_EFFECT, "iterations", "do_tqdm"))
        if key in REQUIRED and value != REQUIRED[key]:
            raise InvalidInputError(f"Expected {key} {REQUIRED[key]!r} in ve_kwargs; got {shortened(value)}. Leave it out.")
    iterations = ve_kwargs.get("iterations", settings.max_iterations)
    return replace(settings, max_iterations=iterations, seed_images=SEEDS[seed]), bool(ve_kwargs.get("do_tqdm", False))


def _layer(number: object, argument: str) -> str | None:
    """Return the name of a layer behind a normaliser."""
    if number is None:
        return None
    if isinstance(number, str):
        return f"network.{number}"
    raise InvalidInputError(
        f"Expected {argument} as the dotted name of a layer, or None; got {shortened(number)}. Layers have numbers only in "
        "the networks of stir-invariance: pass a name of named_modules()."
    )


def _images(inputs: object) -> tuple[Tensor, int]:
    """Return the images, and the number per batch."""
    if isinstance(inputs, Tensor):
        return inputs, len(inputs) if inputs.ndim else 0
    if not isinstance(inputs, tuple) or len(inputs) != 2 or not isinstance(inputs[0], Iterable):
        raise InvalidInputError(
            f"Expected inputs as a tensor, or as a tuple of a loader and the number of images; got {shortened(inputs)}."
            " Pass (loader, total_images)."
        )
    loader, total = inputs
    check_count("the number of images in inputs", total, "how many images of the loader are used")
    batches, found = [], 0
    for batch in loader:
        images = batch[0] if isinstance(batch, tuple | list) else batch
        if not isinstance(images, Tensor):
            raise InvalidInputError(
                f"Expected batches (images, labels) of tensors from the loader; got {type(images).__name__}. Convert the images."
            )
        batches.append(images)
        found += len(images)
        if found >= total:
            return torch.cat(batches)[:total], len(batches[0])
    raise InvalidInputError(f"Expected {total} images from the loader; got {found}. Lower the number in inputs.")


def _device(devices: Sequence[int] | None, model: nn.Module) -> torch.device:
    """Return the device to compute on."""
    if devices is None:
        check_model(model, "model1")
        return next((tensor.device for tensor in chain(model.parameters(), model.buffers())), torch.device("cpu"))
    there = torch.cuda.device_count()
    if not devices or not isinstance(devices[0], int) or not 0 <= devices[0] < there:
        raise DeviceError(
            f"Expected devices as numbers of GPUs, of which there are {there}; got {devices!r}. Leave it out for a CPU."
        )
    return torch.device("cuda", devices[0])


def _network(model: nn.Module, normalizer: nn.Module | None, number: str, device: torch.device) -> nn.Module:
    """Return a model that takes images in [0, 1], copied if it is on another device."""
    check_model(model, f"model{number}")
    if normalizer is not None:
        check_model(normalizer, f"normalizer{number}")
    network = nn.Sequential(OrderedDict(normalizer=normalizer or nn.Identity(), network=model))
    if all(tensor.device == device for tensor in chain(network.parameters(), network.buffers())):
        return network
    return copy.deepcopy(network).to(device)
