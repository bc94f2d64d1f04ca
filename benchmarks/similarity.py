"""Time similarity measures against other packages, on the same arrays in one run: ``make bench-similarity``.

Each peer runs in a separate environment and process, between two runs of our measure; both use two threads, after a warm-up on
few images. Errors are relative to independent float64 implementations. Rates count 2abc operations for a product of
(a, b) by (b, c), in the cheaper of feature space and Gram space. A symmetric product is counted as half a product ("halves"), as
we compute it, or as a whole one, as others compute it ("whole"). Rates are relative to that of large square products in PyTorch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from exact_similarity import EXACT, Array, even_minibatch_cka
from peer_similarity import LONG, PEERS, WARM_IMAGES
from rates import matmul_rate

from stir.provenance import code_version, package_versions
from stir.similarity import get_similarity_measure, minibatch_cka

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
BATCH_SIZE = 250
"""Size of minibatches."""
LARGEST = 2**28
"""Maximum number of entries for peers; larger arrays are used only for our measures."""
PACKAGES = (
    *("pytorch-cka==1.1.3", "ckatorch==1.0.3", "cka-pytorch==1.1.3", "torch_cka==0.21", "rsatoolbox==0.3.2"),
    *("stir-invariance==0.0", "repsim==0.1.5", "thingsvision==2.7.3", "deep-reps==0.0.6", "similarity-repository==0.0.1"),
    *("cca-zoo==4.0.1", "statsmodels", "qc-procrustes==1.1.3"),
)
NEEDED = (
    *("lightning", "lightning-utilities", "torchmetrics", "seaborn", "scikit-image", "lazy-loader", "patsy"),
    *("torchtyping", "typeguard<3", "dill", "matplotlib-venn"),
)
SPEED = {
    "linear_cka": ("ckatorch", "stir-invariance", "rsatoolbox"),
    "linear_cka_debiased": ("pytorch-cka", "ckatorch", "cka-pytorch", "torch_cka"),
    "minibatch_cka": ("pytorch-cka", "cka-pytorch", "torch_cka", "stir-invariance"),
    "rbf_cka": ("ckatorch", "stir-invariance"),
    "rsa_spearman": ("rsatoolbox", "scipy"),
    "rsa_pearson": ("rsatoolbox", "scipy"),
}
PRODUCTS = ("linear_cka", "linear_cka_debiased", "minibatch_cka", "rbf_cka", "rbf_cka_debiased", "mean_pnka", "mutual_knn")
"""Measures whose time should be dominated by matrix products."""
Outcome = dict[str, object]


def peer_python() -> Path:
    """Return the Python of the peers' environment; make it if necessary. It uses our PyTorch and NumPy."""
    folder = ROOT / "data" / "benchmarks" / "peers"
    python = folder / "bin" / "python"
    if not (folder / ".installed").is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        for package in (*PACKAGES, *NEEDED):
            # Install packages one by one: if one cannot be installed, its row says so and the others are still compared.
            subprocess.run([*install, package], check=False)
        site = subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
        (Path(site) / "ours.pth").write_text(sysconfig.get_path("purelib"))
        (folder / ".installed").touch()
    return python


def run_peer(measure: str, peer: str, folders: list[Path], *, batch_size: int, repeats: int, limit: float) -> list[Outcome]:
    """Return value and seconds, or error, of a peer for the arrays of every folder."""
    script = Path(__file__).with_name("peer_similarity.py")
    settings = ["--batch-size", str(batch_size), "--repeats", str(repeats), "--threads", str(THREADS)]
    try:
        subprocess.run(
            [peer_python(), "-I", script, measure, peer, *folders, *settings],
            check=True,
            timeout=limit,
            stderr=subprocess.PIPE,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return [{"error": f"over {limit:.0f} s"}] * len(folders)
    except subprocess.CalledProcessError as error:
        return [{"error": (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]}] * len(folders)
    return [json.loads((folder / f"{measure}-{peer}.json").read_text()) for folder in folders]


def representations(n: int, d: int, random_seed: int = 0) -> tuple[Array, Array]:
    """Return two related float32 arrays (n, d) like layers after a ReLU: nonnegative, offset and correlated."""
    random = np.random.default_rng(random_seed)
    common = random.normal(size=(n, 64)) * np.linspace(2, 0.1, 64)
    pair = np.empty((2, n, d), dtype=np.float32)
    for array, directions in zip(pair, (common, np.tanh(common) * 2), strict=True):
        for columns in range(0, d, 4096):
            part = array[:, columns : columns + 4096]
            weights = random.normal(size=(64, part.shape[1])) / 4
            noise = random.standard_normal(part.shape, dtype=np.float32)
            part[:] = np.maximum(directions @ weights + noise + 0.5, 0) + 0.25
    return pair[0], pair[1]


def ours(measure: str, batch_size: int) -> Callable[[Array, Array], float]:
    """Return our measure as a function of arrays."""
    if measure == "minibatch_cka":
        return lambda x, y: minibatch_cka(torch.from_numpy(x), torch.from_numpy(y), batch_size=batch_size)
    compute = get_similarity_measure(measure)
    return lambda x, y: compute(torch.from_numpy(x), torch.from_numpy(y))


def time_ours(measure: str, x: Array, y: Array, repeats: int) -> Outcome:
    """Return value and median seconds, after a warm-up on few images."""
    compute = ours(measure, BATCH_SIZE)
    compute(x[:WARM_IMAGES], y[:WARM_IMAGES])
    seconds: list[float] = []
    for _ in range(repeats):
        if sum(seconds) > LONG:
            break
        began = time.perf_counter()
        value = compute(x, y)
        seconds.append(time.perf_counter() - began)
    return {"value": value, "seconds": statistics.median(seconds)}


def operations(measure: str, n: int, d: int, *, whole: bool) -> float:
    """Return the operations of the products, in the cheaper space; symmetric ones are counted by halves or whole."""
    if measure == "minibatch_cka":
        return sum(operations("linear_cka", min(BATCH_SIZE, n - i), d, whole=whole) for i in range(0, n, BATCH_SIZE))
    in_gram_space, in_feature_space = (4 * n * n * d, 6 * n * d * d) if whole else (2 * n * n * d, 4 * n * d * d)
    return min(in_gram_space, in_feature_space) if measure.startswith("linear_cka") else in_gram_space


def pairs(measure: str, peers: tuple[str, ...], x: Array, y: Array, arguments: argparse.Namespace) -> Iterator[Outcome]:
    """Time our measure and each peer in turn; a peer that fails or is slow does not run again."""
    asked = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", x)
        np.save(folder / "y.npy", y)
        for _ in range(arguments.pairs):
            for peer in [peer for peer in peers if peer not in asked]:
                of_ours = time_ours(measure, x, y, arguments.repeats)
                settings = {"batch_size": BATCH_SIZE if measure == "minibatch_cka" else len(x), "repeats": arguments.repeats}
                found = run_peer(measure, peer, [folder], limit=arguments.limit, **settings)[0]
                asked |= {peer} if "error" in found or found["seconds"] > LONG else set()
                yield {"peer": peer, "ours": of_ours, "theirs": found}


def row(measure: str, peer: str, rounds: list[Outcome], truths: tuple[float, float], shape: tuple[int, int]) -> Outcome:
    """Return one line of the table: medians over rounds, and the smallest ratio of one round."""
    of_ours = [found["ours"] for found in rounds]
    line = {"measure": measure, "n": shape[0], "d": shape[1], "peer": peer, "peer s": np.nan}
    line |= {"ours s": statistics.median(found["seconds"] for found in of_ours), "ratio": np.nan, "least": np.nan}
    line |= {"peer error": np.nan, "our error": abs(of_ours[0]["value"] - truths[1]), "note": ""}
    theirs = [found["theirs"] for found in rounds if "error" not in found["theirs"]]
    if not theirs:
        return line | {"note": rounds[-1]["theirs"]["error"][:60]}
    ratios = [of_peer["seconds"] / found["seconds"] for of_peer, found in zip(theirs, of_ours, strict=False)]
    line |= {"peer s": statistics.median(of_peer["seconds"] for of_peer in theirs), "ratio": statistics.median(ratios)}
    return line | {"least": min(ratios), "peer error": abs(theirs[0]["value"] - truths[0])}


def exact(measure: str, x: Array, y: Array) -> tuple[float, float]:
    """Return the right values for a peer and for our measure, which divides the images evenly among minibatches."""
    right = EXACT[measure](x, y, BATCH_SIZE)
    return right, even_minibatch_cka(x, y, BATCH_SIZE) if measure == "minibatch_cka" else right


def compared(measure: str, x: Array, y: Array, arguments: argparse.Namespace) -> list[Outcome]:
    """Return the lines of one measure at one size."""
    if x.size <= LARGEST:
        rounds = list(pairs(measure, SPEED.get(measure, tuple(PEERS[measure])), x, y, arguments))
    else:
        rounds = [{"peer": "-", "ours": time_ours(measure, x, y, 1), "theirs": {"error": "ours alone"}}]
    known = x.size <= LARGEST or arguments.exact_largest
    truths = exact(measure, x, y) if known else (np.nan, np.nan)
    peers = dict.fromkeys(found["peer"] for found in rounds)
    return [row(measure, peer, [f for f in rounds if f["peer"] == peer], truths, x.shape) for peer in peers]


def of_products(lines: pd.DataFrame, rates: dict[str, float]) -> pd.DataFrame:
    """Return the rate of the products relative to our whole time, in 1e9 operations per second and in %."""
    found = []
    lines = lines[lines["measure"].isin(PRODUCTS)]
    for (measure, n, d), seconds in lines.groupby(["measure", "n", "d"], sort=False)["ours s"]:
        line = {"measure": measure, "n": n, "d": d, "ours s": seconds.median()}
        for name, whole in (("halves", False), ("whole", True)):
            line[f"{name} GFLOP/s"] = operations(measure, n, d, whole=whole) / seconds.median() / 1e9
            line |= {f"{name} % of {dtype}": 100 * line[f"{name} GFLOP/s"] / rate for dtype, rate in rates.items()}
        found.append(line)
    return pd.DataFrame(found)


def shapes(words: str) -> list[tuple[int, int]]:
    """Read 1000x512,10000x512."""
    return [(int(n), int(d)) for n, d in (word.split("x") for word in words.split(","))]


def main() -> None:
    """Print a table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=shapes, default="1000x512,10000x512,1000x65536,10000x65536")
    parser.add_argument("--measures", type=lambda words: words.split(","), default=",".join(SPEED))
    parser.add_argument("--largest-measures", type=lambda words: words.split(","), default="linear_cka,minibatch_cka")
    parser.add_argument("--pairs", type=int, default=3, help="rounds in which our measure and a peer run in turn")
    parser.add_argument("--repeats", type=int, default=3, help="timings per round, of which the median is used")
    parser.add_argument("--limit", type=float, default=600, help="seconds for a peer in one round")
    parser.add_argument("--exact-largest", action="store_true", help="compute the error of the largest size too: minutes more")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    print(f"{os.cpu_count()} CPU cores, {THREADS} threads, {code_version()}, {json.dumps(package_versions())}")
    for n, d in arguments.sizes:
        x, y = representations(n, d)
        rates = {str(dtype).removeprefix("torch."): matmul_rate(dtype) / 1e9 for dtype in (torch.float32, torch.float64)}
        print(f"\nn = {n}, d = {d}; products of large squares, GFLOP/s: {json.dumps(rates)}", flush=True)
        measures = arguments.measures if x.size <= LARGEST else arguments.largest_measures
        lines = pd.DataFrame([line for measure in measures for line in compared(measure, x, y, arguments)])
        print(lines.to_string(index=False, float_format="%.3g"))
        print(of_products(lines, rates).to_string(index=False, float_format="%.3g"), flush=True)


if __name__ == "__main__":
    main()
