"""Similarities by specialised packages. Each function takes two arrays and a batch size, and returns a function to be timed."""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset

Compute = Callable[[], float]


class Columns(nn.Module):
    """The identity on some columns of its input, as a model with one named layer."""

    def __init__(self, start: int, stop: int, *, leading: bool = False) -> None:
        super().__init__()
        self.columns, self.leading, self.layer = slice(start, stop), leading, nn.Identity()

    def forward(self, inputs):
        """Return the columns, through the layer that hooks see."""
        out = inputs[:, self.columns]
        return self.layer(out[None] if self.leading else out)


def loader(x: torch.Tensor, batch_size: int) -> DataLoader:
    """Return a loader of batches in order, the last one possibly smaller, with a label per row."""
    batches = BatchSampler(SequentialSampler(range(len(x))), batch_size, drop_last=False)
    return DataLoader(TensorDataset(x, torch.zeros(len(x))), batch_size=None, sampler=batches)


def models(x: np.ndarray, y: np.ndarray, batch_size: int, **settings: bool) -> tuple[Columns, Columns, DataLoader]:
    """Return two models and one loader, for peers that give both models the same input."""
    both = torch.from_numpy(np.concatenate([x, y], axis=1))
    first, second = Columns(0, x.shape[1], **settings), Columns(x.shape[1], both.shape[1], **settings)
    return first, second, loader(both, batch_size)


def bare(package: str) -> None:
    """Replace a package whose `__init__` imports modules that are not needed here; its other modules are unchanged."""
    if package not in sys.modules:
        module = types.ModuleType(package)
        module.__path__ = list(importlib.util.find_spec(package).submodule_search_locations)
        sys.modules[package] = module


def pytorch_cka(x, y, batch_size) -> Compute:
    """Compare features if all images are in one batch, and models otherwise."""
    import cka

    if batch_size >= len(x):
        return lambda: cka.cka_from_features(torch.from_numpy(x), torch.from_numpy(y)).item()
    first, second, batches = models(x, y, batch_size)
    return lambda: cka.compute_cka(first, second, batches, layers=["layer"], device="cpu", progress=False)[0].item()


def cka_pytorch(x, y, batch_size) -> Compute:
    """Use one epoch, since every epoch contains the same images."""
    from cka_pytorch.cka import CKACalculator

    first, second, batches = models(x, y, batch_size)

    def compute() -> float:
        calculator = CKACalculator(first, second, ["layer"], ["layer"], device=torch.device("cpu"), verbose=False)
        value = calculator.calculate_cka_matrix(batches, num_epochs=1).item()
        calculator.reset()
        return value

    return compute


def torch_cka(x, y, batch_size) -> Compute:
    """Two models with a loader each."""
    from torch_cka import CKA

    first, second = Columns(0, x.shape[1]), Columns(0, y.shape[1])
    batches = [loader(torch.from_numpy(z), batch_size) for z in (x, y)]

    def compute() -> float:
        calculator = CKA(first, second, "x", "y", ["layer"], ["layer"])
        with torch.no_grad():
            calculator.compare(*batches)
        return calculator.export()["CKA"].item()

    return compute


def ckatorch_base(x, y, _, **settings) -> Compute:
    """Compare two matrices."""
    import ckatorch

    return lambda: ckatorch.cka_base(torch.from_numpy(x), torch.from_numpy(y), **settings).item()


class Batches(list):
    """Minibatches with the attributes that ckatorch expects of a loader."""

    drop_last, sampler = False, None


def ckatorch_models(x, y, batch_size) -> Compute:
    """Compare models, since features must have three dimensions, the first of which is minibatches."""
    from ckatorch import CKA

    first, second, batches = models(x, y, batch_size, leading=True)
    inputs = Batches([batch[0]] for batch in batches)
    return lambda: CKA(first, second, ["layer"], ["layer"], "x", "y")(inputs, epochs=1).item()


def stir_invariance(x, y, batch_size, *, kernel: str) -> Compute:
    """Compare two matrices, or minibatches, with the published package."""
    published = importlib.import_module("stir.CKA_pytorch")
    assert "peers" in published.__file__, f"the published package was not found; got {published.__file__}"
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    if kernel != "minibatch":
        return lambda: getattr(published, f"{kernel}_CKA")(x, y).item()

    def compute() -> float:
        calculator = importlib.import_module("stir.CKA_minibatch").MinibatchCKA()
        for pair in zip(x.split(batch_size), y.split(batch_size), strict=True):
            calculator(*pair)
        return calculator.value().item()

    return compute


def rsatoolbox(x, y, _, *, distance: str, method: str) -> Compute:
    """Representational dissimilarities, then a comparison of them."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    return lambda: float(compare(*(calc_rdm(Dataset(z), method=distance) for z in (x, y)), method=method)[0, 0])


def repsim(x, y, _, *, function: str, **settings: str) -> Compute:
    """Return the off-diagonal entry of the pairwise similarities."""
    import repsim

    return lambda: float(getattr(repsim, function)([x, y], **settings)[0, 1])


def thingsvision(x, y, _, **settings) -> Compute:
    """Compare with its NumPy implementation."""
    bare("thingsvision")
    from thingsvision.core.cka import get_cka

    return lambda: float(get_cka(backend="numpy", m=len(x), **settings).compare(x, y))


def deep_reps(x, y, _, *, function: str) -> Compute:
    """Compare, and turn a distance into a similarity of the same kind as ours."""
    bare("deep_reps")
    module = importlib.import_module("deep_reps.cca_measures" if "cca" in function else "deep_reps.alignment_measures")
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    if function == "orthogonal_procrustes":
        norms = x.norm().item(), y.norm().item()
        return lambda: (
            (norms[0] ** 2 + norms[1] ** 2 - (module.orthogonal_procrustes(x, y) ** 2).real) / (2 * norms[0] * norms[1])
        )
    if function == "aligned_linear_regression":
        return lambda: module.aligned_linear_regression(y, x)
    return lambda: getattr(module, function)(x, y)


def google_svcca(x, y, _, *, function: str) -> Compute:
    """Google's code of the papers on SVCCA and PWCCA, as included in `similarity-repository`; its rows are neurons."""
    folder = Path(importlib.util.find_spec("similarity").origin).parent / "backend" / "svcca"
    sys.modules["svcca"] = types.ModuleType("svcca")
    sys.modules["svcca"].__path__ = [str(folder)]
    cca_core, pwcca = importlib.import_module("svcca.cca_core"), importlib.import_module("svcca.pwcca")
    if function == "pwcca":
        return lambda: float(pwcca.compute_pwcca(x.T, y.T)[0])
    return lambda: float(cca_core.get_cca_similarity(x.T, y.T, verbose=False)["mean"][0])
