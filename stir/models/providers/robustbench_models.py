"""Models of RobustBench, which take images in [0, 1] and normalise them themselves."""

import importlib.util
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from torch import nn

from stir.errors import InvalidInputError, check_known
from stir.models.providers.provider import Built, Provider, Request
from stir.models.providers.weights import check_classes, check_weights, fetching

DATASETS = {"cifar10": (10, 32), "cifar100": (100, 32), "imagenet": (1000, 224)}
"""Classes, and the side of images in pixels."""
DEFAULTS = {"dataset": "cifar10", "threat_model": "Linf"}
"""What RobustBench takes where an argument is absent."""
FILES = Path("models")
"""Where RobustBench looks for its files by default, in the working folder; where it is absent, a folder of the user's cache."""
ZOO = "robustbench.model_zoo"
LIBRARIES = ("timm", "pt_models", "models")
"""What modules of RobustBench call the libraries that they take networks from."""
Models = Mapping[str, Mapping[str, Any]]


@contextmanager
def _without_attacks() -> Iterator[None]:
    """Let RobustBench be imported where the attacks of its evaluation are not installed: its models need nothing of them."""
    stubs: dict[str, Any] = {name: types.ModuleType(name) for name in ("autoattack", "autoattack.state")}
    stubs["autoattack"].AutoAttack = stubs["autoattack.state"].EvaluationState = None
    missing = importlib.util.find_spec("autoattack") is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that it imports
        try:
            sys.modules.update(stubs if missing else {})
            yield
        finally:
            for name in stubs if missing else ():
                sys.modules.pop(name, None)


@cache
def _zoo() -> Mapping[str, Mapping[str, Models]]:
    """Return RobustBench's models: dataset -> threat model -> name -> facts."""
    with _without_attacks():
        from robustbench.model_zoo.models import model_dicts
    return {dataset.value: {threat.value: dict(found) for threat, found in of.items()} for dataset, of in model_dicts.items()}


def names() -> list[str]:
    """Return the names of the models, for any dataset and threat model."""
    return sorted({name for of in _zoo().values() for found in of.values() for name in found})


def _chosen(request: Request) -> tuple[str, str, Models]:
    """Return dataset, threat model, and the models for them."""
    for argument in request.arguments:
        check_known(f"argument of robustbench's {request.name}", argument, DEFAULTS)
    dataset, threat = (str(request.arguments.get(name, default)) for name, default in DEFAULTS.items())
    check_known("dataset of robustbench", dataset, DATASETS)
    threats = _zoo()[dataset]
    check_known(f"threat_model of robustbench's {dataset}", threat, threats)
    if request.name not in threats[threat]:
        pairs = [(other, kind) for other, of in _zoo().items() for kind, found in of.items() if request.name in found]
        others = [f"dataset: {other}, threat_model: {kind}" for other, kind in pairs]
        if others:
            raise InvalidInputError(
                f"Expected a model of robustbench for dataset: {dataset}, threat_model: {threat}; {request.name!r} is one for "
                f"{' or '.join(others)}. Give those arguments."
            )
        check_known(f"model of robustbench for {dataset} and {threat}", request.name, threats[threat])
    return dataset, threat, threats[threat]


def build(request: Request) -> Built:
    """Build a model for a dataset (argument ``dataset``, CIFAR-10 by default) and threat model (``threat_model``, Linf)."""
    dataset, threat, models = _chosen(request)
    classes, side = DATASETS[dataset]
    check_weights(request, "robustbench", (), default=True)
    if request.classes not in (None, classes) or request.channels != len("rgb"):
        raise InvalidInputError(
            f"Expected {classes} classes and 3 channels for robustbench's {request.name} of {dataset}; got "
            f"{request.classes} and {request.channels}. Leave them out."
        )
    check_classes(request, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its old ways of calling timm and torchvision
        loading = request.weights is not None and request.load
        network = _loaded(request.name, dataset, threat) if loading else _initial(request.name, dataset, threat, models)
    return Built(network, size=(side, side), normalises_itself=True)


def _loaded(name: str, dataset: str, threat: str) -> nn.Module:
    import pooch
    from robustbench.utils import load_model

    files = FILES if FILES.is_dir() else Path(pooch.os_cache("stir")) / "robustbench"
    place = files / dataset / threat / f"{name}.pt"
    with fetching(f"the weights of robustbench's {name}", "https://github.com/RobustBench/robustbench", place):
        return load_model(name, files, dataset, threat)


def _initial(name: str, dataset: str, threat: str, models: Models) -> nn.Module:
    """Build a model without weights, also where its definition asks its library for published ones."""
    import timm

    registered = f"{name.lower().replace('-', '_')}_{dataset}_{threat.lower()}"
    if timm.is_model(registered):
        return timm.create_model(registered, num_classes=DATASETS[dataset][0])
    definitions = sys.modules[f"{ZOO}.{dataset}"]
    with ExitStack() as stack:
        for library in LIBRARIES:
            if isinstance(found := getattr(definitions, library, None), types.ModuleType):
                stack.enter_context(mock.patch.object(definitions, library, _Unpublished(found)))
        return models[name]["model"]()


class _Unpublished:
    """A library whose functions build networks without published weights."""

    def __init__(self, library: types.ModuleType) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._library, name)
        return _unpublished(found) if isinstance(found, types.FunctionType) else found


def _unpublished(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(*arguments: Any, **keywords: Any) -> Any:
        return make(*arguments, **{name: value for name, value in keywords.items() if name not in ("pretrained", "weights")})

    return made


PROVIDER = Provider("robustbench", ("robustbench", "timm"), build, extra="robustbench", names=names)
