"""Compare the numbers of other packages with the right ones, and render docs/peers.md: ``make peers``."""

import json
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from exact_similarity import EXACT, Array, even_minibatch_cka, linear_cka_debiased
from peer_reasons import PREAMBLE, REASONS, reason
from peer_similarity import PEERS
from similarity import ROOT, ours, peer_python, representations, run_peer

from stir.provenance import package_versions

PAGE = ROOT / "docs" / "peers.md"
WRONG = 1e-4
"""Larger differences exceed the rounding of float32 for these features."""
OFF = 1e-5
"""Larger differences are explained if a reason is known."""
IMAGES, FEATURES = 400, 100
TITLES = {
    "linear_cka": "Linear CKA",
    "linear_cka_debiased": "Linear CKA, debiased",
    "minibatch_cka": "Minibatch CKA",
    "rbf_cka": "RBF CKA",
    "rbf_cka_debiased": "RBF CKA, debiased",
    "mean_cca": "Mean CCA",
    "svcca": "SVCCA",
    "pwcca": "PWCCA",
    "procrustes": "Procrustes similarity",
    "rsa_spearman": "RSA, Spearman's correlation of correlation distances",
    "rsa_pearson": "RSA, Pearson's correlation of correlation distances",
    "rsa_spearman_euclidean": "RSA, Spearman's correlation of Euclidean distances",
    "rsa_pearson_euclidean": "RSA, Pearson's correlation of Euclidean distances",
    "linear_regression": "Linear regression",
    "mutual_knn": "Mutual k-nearest neighbours, k = 10",
    "mean_pnka": "Mean PNKA",
}


class Case(NamedTuple):
    """Two arrays to compare."""

    name: str
    x: Array
    y: Array
    batch_size: int = 2**40


def standardised(x: Array, scale: float, mean: float) -> Array:
    """Return float32 with that mean of every feature and that spread of all entries."""
    x = x.astype(np.float64) - x.mean(axis=0)
    return (x / x.std() * scale + mean).astype(np.float32)


def independent() -> Case:
    """Return independent Gaussians, of the first random seed for which the debiased estimate is negative."""
    for random_seed in range(100):
        random = np.random.default_rng(random_seed)
        x, y = (random.standard_normal((1000, 512), dtype=np.float32) for _ in range(2))
        if linear_cka_debiased(x, y, 0) < 0:
            return Case("independent, n = 1000, d = 512", x, y)
    raise AssertionError


def cases(measure: str) -> list[Case]:
    """Return the cases of a measure."""
    x, y = representations(IMAGES, FEATURES)
    small, far = ([standardised(z, *to) for z in (x, y)] for to in ((0.1, 0), (1, 1000)))
    found = [("ordinary", x, y), ("means of 1000 spreads", *far)]
    if "linear_cka" in measure or measure == "minibatch_cka":
        found += [("spread of 0.1", *small), ("spread of 0.1, x with itself", small[0], small[0])]
    if measure == "minibatch_cka":
        ragged = y.copy()
        ragged[350:] = ragged[350:][::-1]
        return [
            *(Case(f"{name}, 4 x 100", *pair, 100) for name, *pair in found),
            Case("350 + 50, the last 50 mismatched", x, ragged, 350),
        ]
    return [Case(*pair) for pair in found] + ([independent()] if "linear_cka" in measure else [])


def numbers(measure: str, peer: str, folders: list[Path], of: list[Case]) -> list[float | str]:
    """Return a peer's value per case, or its error."""
    found: list[float | str] = []
    for batch_size, group in groupby(zip(folders, of, strict=True), key=lambda pair: pair[1].batch_size):
        outcomes = run_peer(measure, peer, [folder for folder, _ in group], batch_size=batch_size, repeats=0, limit=600)
        found += [outcome["value"] if "value" in outcome else outcome["error"] for outcome in outcomes]
    return found


def is_wrong(number: float | str, right: float, tolerance: float = WRONG) -> bool:
    """Return whether a value is missing, or differs by more than rounding."""
    return isinstance(number, str) or not abs(number - right) <= tolerance


def cell(number: float | str, right: float) -> str:
    """Return number and difference; bold where wrong."""
    if isinstance(number, str):
        return f"**fails: {number.partition(':')[0]}**"
    shown = f"{number:{'.6f' if abs(number) < 10 else '.2g'}} ({number - right:+.0e})"
    return f"**{shown}**" if is_wrong(number, right) else shown


def our_cell(measure: str, case: Case, right: float) -> str:
    """Return our value; minibatches of uneven sizes are divided evenly, which changes the right value."""
    value = ours(measure, case.batch_size)(case.x, case.y)
    if measure == "minibatch_cka" and len(case.x) % case.batch_size:
        return f"{cell(value, even_minibatch_cka(case.x, case.y, case.batch_size))}, of even minibatches"
    return cell(value, right)


def table(measure: str, peers: dict[str, str]) -> Iterator[str]:
    """Render the table of one measure, and the reasons for wrong values."""
    of = cases(measure)
    rights = [EXACT[measure](case.x, case.y, case.batch_size) for case in of]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(index) for index in range(len(of))]
        for folder, case in zip(folders, of, strict=True):
            folder.mkdir()
            np.save(folder / "x.npy", case.x)
            np.save(folder / "y.npy", case.y)
        rows = {peer: numbers(measure, peer, folders, of) for peer in peers}
    yield f"\n## {TITLES[measure]}\n"
    yield f"| | {' | '.join(case.name for case in of)} |"
    yield "|---" * (len(of) + 1) + "|"
    yield f"| right | {' | '.join(f'{right:.6f}' for right in rights)} |"
    yield f"| `stir`, this one | {' | '.join(our_cell(measure, case, right) for case, right in zip(of, rights, strict=True))} |"
    for peer, values in rows.items():
        yield f"| {peers[peer]} | {' | '.join(map(cell, values, rights))} |"
    yield ""
    for peer, values in rows.items():
        off = any(is_wrong(value, right, OFF) for value, right in zip(values, rights, strict=True))
        if any(map(is_wrong, values, rights)) or (off and (measure, peer) in REASONS):
            yield f"- {peer}: {reason(measure, peer)}"


def versions() -> dict[str, str]:
    """Return peer -> its packages with their versions, as the peers' environment has them."""
    labels = {label for peers in PEERS.values() for label in peers}
    code = (
        "import importlib.metadata as m, json, sys; "
        "print(json.dumps({k: ', '.join(f'{name} {m.version(name)}' for name in k.split(', ')) for k in sys.argv[1:]}))"
    )
    return json.loads(subprocess.check_output([peer_python(), "-I", "-c", code, *sorted(labels)], text=True))


def main() -> None:
    """Write the page."""
    torch.set_num_threads(2)
    labels = versions()
    lines = [
        "# Other packages' numbers\n",
        "This page is rendered by `make peers`; no number is typed. Every package gets the same float32 arrays. Each row",
        "shows the value that a package returns and its difference from the right value, which is computed from the equations",
        f"in float64 with NumPy and SciPy (`benchmarks/exact_similarity.py`). Values in **bold** differ by more than {WRONG:g};",
        "the reason, found in the package's source, is below the table. Unless stated otherwise,",
        f"n = {IMAGES} images and d = {FEATURES} features, nonnegative and offset like those after a ReLU; all arrays are drawn",
        "with fixed random seeds.\n",
        f"{PREAMBLE}\n",
        f"CPU ({platform.machine()}), {json.dumps(package_versions())}",
    ]
    for measure, title in TITLES.items():
        print(title, flush=True)
        lines += table(measure, {peer: labels[peer] for peer in PEERS[measure]})
    PAGE.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
