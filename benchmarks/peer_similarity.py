"""Compute similarities with other packages, in a separate environment, for arrays in folders.

Called by benchmarks/similarity.py and benchmarks/peers.py: ``python -I peer_similarity.py MEASURE PEER FOLDER...``.
Read x.npy and y.npy of every folder, and write value and seconds, or the reason for a failure, to MEASURE-PEER.json there.
"""

import argparse
import json
import resource
import runpy
import statistics
import time
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch


def _beside(name: str) -> SimpleNamespace:
    """Load a file of this folder, which is not on the import path, because both it and a peer contain a similarity.py."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name(f"{name}.py"))))


libraries, packages = _beside("peer_libraries"), _beside("peer_packages")

WARM_IMAGES = 200
LONG = 20
"""Timings that take longer, in seconds, are not repeated, since they vary little."""
MEMORY_BYTES = 20 * 2**30
"""Address space, of which the libraries use some GB before any data."""


def rsa(method: str, distance: str) -> dict[str, partial]:
    """Return the peers that compare dissimilarities."""
    comparison = {"pearson": "corr", "spearman": "spearman"}[method]
    return {
        "rsatoolbox": partial(packages.rsatoolbox, distance=distance, method=comparison),
        "scipy": partial(libraries.scipy_rsa, distance=distance, method=method),
    }


PEERS = {
    "linear_cka": {
        "ckatorch": packages.ckatorch_base,
        "stir-invariance": partial(packages.stir_invariance, kernel="linear"),
        "rsatoolbox": partial(packages.rsatoolbox, distance="euclidean", method="cosine_cov"),
        "repsim": partial(packages.repsim, function="cka", kernel_type="linear", estimator="gretton"),
        "thingsvision": partial(packages.thingsvision, kernel="linear"),
    },
    "linear_cka_debiased": {
        "pytorch-cka": packages.pytorch_cka,
        "ckatorch": partial(packages.ckatorch_base, unbiased=True),
        "cka-pytorch": packages.cka_pytorch,
        "torch_cka": packages.torch_cka,
        "stir-invariance": partial(packages.stir_invariance, kernel="minibatch"),
        "repsim": partial(packages.repsim, function="cka", kernel_type="linear", estimator="song"),
        "thingsvision": partial(packages.thingsvision, kernel="linear", unbiased=True),
    },
    "minibatch_cka": {
        "pytorch-cka": packages.pytorch_cka,
        "ckatorch": packages.ckatorch_models,
        "cka-pytorch": packages.cka_pytorch,
        "torch_cka": packages.torch_cka,
        "stir-invariance": partial(packages.stir_invariance, kernel="minibatch"),
    },
    "rbf_cka": {
        "ckatorch": partial(packages.ckatorch_base, kernel="rbf"),
        "stir-invariance": partial(packages.stir_invariance, kernel="kernel"),
        "repsim": partial(packages.repsim, function="cka", kernel_type="rbf", estimator="gretton"),
        "thingsvision": partial(packages.thingsvision, kernel="rbf", sigma=None),
    },
    "rbf_cka_debiased": {
        "ckatorch": partial(packages.ckatorch_base, kernel="rbf", unbiased=True),
        "repsim": partial(packages.repsim, function="cka", kernel_type="rbf", estimator="song"),
        "thingsvision": partial(packages.thingsvision, kernel="rbf", sigma=None, unbiased=True),
    },
    "mean_cca": {
        "statsmodels": libraries.statsmodels,
        "scipy": libraries.scipy_subspaces,
        "cca-zoo": libraries.cca_zoo,
        "repsim": partial(packages.repsim, function="cca", summary_type="pillai"),
        "deep-reps": partial(packages.deep_reps, function="compute_standard_cca"),
        "similarity-repository": partial(packages.google_svcca, function="cca"),
    },
    "svcca": {
        "scikit-learn, statsmodels": partial(libraries.statsmodels, kept=0.99),
        "scikit-learn, scipy": partial(libraries.scipy_subspaces, kept=0.99),
        "repsim": partial(packages.repsim, function="svcca", summary_type="pillai"),
        "deep-reps": partial(packages.deep_reps, function="compute_standard_svcca"),
    },
    "pwcca": {
        "repsim": partial(packages.repsim, function="pwcca"),
        "similarity-repository": partial(packages.google_svcca, function="pwcca"),
    },
    "procrustes": {
        "scipy": libraries.scipy_procrustes,
        "qc-procrustes": libraries.qc_procrustes,
        "rsatoolbox": partial(packages.rsatoolbox, distance="euclidean", method="bures"),
        "deep-reps": partial(packages.deep_reps, function="orthogonal_procrustes"),
    },
    "rsa_spearman": rsa("spearman", "correlation"),
    "rsa_pearson": rsa("pearson", "correlation"),
    "rsa_spearman_euclidean": rsa("spearman", "euclidean"),
    "rsa_pearson_euclidean": rsa("pearson", "euclidean"),
    "linear_regression": {
        "scikit-learn": libraries.sklearn_regression,
        "numpy": libraries.numpy_regression,
        "deep-reps": partial(packages.deep_reps, function="aligned_linear_regression"),
    },
    "mean_pnka": {"scikit-learn": libraries.sklearn_pnka, "scipy": libraries.scipy_pnka},
    "mutual_knn": {"scikit-learn": libraries.sklearn_neighbours, "scipy": libraries.scipy_neighbours},
}


def measured(measure: str, peer: str, folder: Path, batch_size: int, repeats: int) -> dict[str, object]:
    """Return value and median seconds, after a warm-up on few images; or the reason for a failure."""
    make = PEERS[measure][peer]
    x, y = (np.load(folder / f"{name}.npy") for name in "xy")
    try:
        if repeats > 0:
            make(x[:WARM_IMAGES].copy(), y[:WARM_IMAGES].copy(), batch_size)()
        seconds = []
        for _ in range(max(1, repeats)):
            if sum(seconds) > LONG:
                break
            compute = make(x, y, batch_size)
            began = time.perf_counter()
            value = compute()
            seconds.append(time.perf_counter() - began)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    return {"value": value, "seconds": statistics.median(seconds)}


def main() -> None:
    """Measure one peer on every folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=PEERS)
    parser.add_argument("peer")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--batch-size", type=int, default=2**40)
    parser.add_argument("--repeats", type=int, default=0, help="timings, after a warm run; 0: one, cold")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(arguments.threads)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for folder in arguments.folders:
        found = measured(arguments.measure, arguments.peer, folder, arguments.batch_size, arguments.repeats)
        (folder / f"{arguments.measure}-{arguments.peer}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
