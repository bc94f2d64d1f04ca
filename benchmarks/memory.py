"""Peak memory of inversions of few and of many images of 224x224: ``make bench-memory``.

Each inversion runs in a separate process: images are read from an HDF5 file, and pictures are written to the files of a
snapshot, as in the workflow.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import cifar10
import h5py
import torch
from torch.nn.functional import interpolate

from stir.errors import ConvergenceWarning
from stir.inversion import InversionSnapshot, invert
from stir.models import Architecture, build_model
from stir.provenance import code_version, package_versions
from stir.stored_images import StoredImages

SIDE = 224
COUNTS = (64, 640)
BATCH_SIZE = 16
ITERATIONS = 4
AT_ONCE = 64


def write_images(path: Path) -> None:
    """Write CIFAR-10's enlarged test images as bytes."""
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("images", (max(COUNTS), 3, SIDE, SIDE), dtype="uint8")
        for start, batch in enumerate(cifar10.reference_images(max(COUNTS)).split(AT_ONCE)):
            large = interpolate(batch, size=(SIDE, SIDE), mode="bilinear").mul(255).round().byte()
            stored[start * AT_ONCE : (start + 1) * AT_ONCE] = large.numpy()


def measure(path: Path, n: int) -> dict[str, float]:
    """Invert the first n images; return this process's peak memory (MB) and the seconds."""
    torch.set_num_threads(2)
    warnings.simplefilter("ignore", ConvergenceWarning)
    model = build_model(Architecture("resnet8", 4, 3, 10)).eval()
    snapshot = InversionSnapshot(path.with_name("state.tmp"))
    began = time.perf_counter()
    with h5py.File(path) as file:
        images = StoredImages(file["images"], white_level=255, first=n)
        settings = {"tolerance": 1e-6, "max_iterations": ITERATIONS, "batch_size": BATCH_SIZE, "pooling": "spatial_mean"}
        invert(model, images, random_seed=0, snapshot=snapshot, **settings)
    snapshot.discard()
    return {"mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "seconds": time.perf_counter() - began}


def main() -> None:
    """Print both peaks and their ratio."""
    print(f"resnet8 of width 4, {SIDE}x{SIDE}, {BATCH_SIZE} images at once, {ITERATIONS} iterations")
    print(f"{code_version()}, {json.dumps(package_versions())}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.h5"
        write_images(path)
        found = {}
        for n in COUNTS:
            found[n] = json.loads(subprocess.check_output([sys.executable, __file__, str(path), str(n)], text=True))
            print(f"{n} images: peak {found[n]['mb']:.0f} MB, {found[n]['seconds']:.0f} s")
    print(f"ratio {found[COUNTS[1]]['mb'] / found[COUNTS[0]]['mb']:.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()
