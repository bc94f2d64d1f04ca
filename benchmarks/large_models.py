"""Peak memory of inverting and scoring images of 224x224 with large networks: ``python benchmarks/large_models.py``.

ResNet50, ViT-B/16 and ConvNeXt of torchvision, random weights, 16 images, all settings but the number of iterations
as they come; each in a process of its own, on two cores, or ``OMP_NUM_THREADS``. ``BATCH_SIZE``
bounds the images at once, to which memory is nearly proportional. It does not depend on the weights.
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings

import torch

from stir.inversion import invert
from stir.provenance import code_version, package_versions
from stir.representations import represent
from stir.score import score

MODELS = ("resnet50", "vit_b_16", "convnext_tiny")
N_IMAGES, SIDE, ITERATIONS, BATCH_SIZE = 16, 224, 2, int(os.environ.get("BATCH_SIZE", "256"))
LIMIT = 4000
"""MB that each may take."""


def measure(name: str) -> dict[str, float | str]:
    """Invert and score with one network; return this process's peak memory (MB) and the seconds."""
    import torchvision

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    model = getattr(torchvision.models, name)(weights=None).eval()
    images = torch.rand(N_IMAGES, 3, SIDE, SIDE)
    began = time.perf_counter()
    found = invert(model, images, random_seed=0, tolerance=1e-6, max_iterations=ITERATIONS, batch_size=BATCH_SIZE)
    seconds = time.perf_counter() - began
    of_reference, of_iri = (represent(model, x, batch_size=BATCH_SIZE) for x in (images, found.iri_images))
    stir = score(reference_of_reference=of_reference, target_of_reference=of_reference, target_of_iri=of_iri).stir
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"mb": peak, "seconds": seconds, "stir": stir, "forward_pass": found.forward_pass}


def main(names: list[str]) -> None:
    """Print the peak of each network."""
    print(f"{N_IMAGES} images of {SIDE}x{SIDE}, {min(BATCH_SIZE, N_IMAGES)} at once, {ITERATIONS} iterations")
    print(f"{code_version()}, {json.dumps(package_versions())}")
    print("| network | peak, MB | inversion, s | forward pass |\n|---|---|---|---|")
    for name in names:
        text = subprocess.check_output([sys.executable, __file__, "--measure", name], text=True)
        found = json.loads(text)
        print(f"| {name} | {found['mb']:.0f} | {found['seconds']:.0f} | {found['forward_pass']} |", flush=True)
        if found["mb"] > LIMIT:
            print(f"Over {LIMIT} MB.", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main(sys.argv[1:] or list(MODELS))
