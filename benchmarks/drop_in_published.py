"""Run the published `STIR` on networks and images in a folder, in a separate environment; its CUDA calls go to the CPU.

Called by benchmarks/drop_in.py: ``python -I drop_in_published.py FOLDER SOURCES STEPS``, prints JSON.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch

FOLDER, SOURCES, STEPS = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def load_peer():
    """Return benchmarks/peer_inversion.py, which is not on the import path."""
    spec = importlib.util.spec_from_file_location("peer_inversion", Path(__file__).with_name("peer_inversion.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def networks(peer) -> list[torch.nn.Module]:
    """Build both networks, in eval mode."""
    found = []
    for name in ("first", "second"):
        description = json.loads((FOLDER / f"{name}.json").read_text())
        found.append(peer.Network(peer.build(SOURCES, description, FOLDER / f"{name}.safetensors")).eval())
    return found


def published(peer, batches: list[torch.Tensor], *, keep_eval: bool) -> dict[str, float]:
    """Call the published function; with ``keep_eval`` its models cannot be put in train mode."""
    from stir.stir import STIR

    from stir.model.tools.helpers import DataPrefetcher

    class Batches(DataPrefetcher):
        """Batches in memory, since the published class needs CUDA streams."""

        def __init__(self) -> None:
            """Do not start a stream."""

        def __iter__(self):
            return iter([(images, None) for images in batches])

    models = networks(peer)
    if keep_eval:
        for model in models:
            for module in model.modules():
                module.train = lambda *_, module=module: module
    settings = {
        "custom_loss": peer.LPNormLossSingleModel(peer.DummyArgs(("lpnorm_type", 2.0, float))),
        **{"constraint": "unconstrained", "eps": 1000, "step_size": 0.5, "iterations": STEPS, "targeted": True},
        **{"do_tqdm": False, "should_normalize": True, "use_best": True},
    }
    torch.manual_seed(0)
    identity = torch.nn.Identity()
    found = STIR(*models, identity, identity, (Batches(), sum(map(len, batches))), ve_kwargs=settings)
    return {"m1m2": found.m1m2, "m2m1": found.m2m1, "rsm": found.rsm}


def main() -> None:
    """Print what the published function returns in several ways of calling it."""
    torch.set_num_threads(1)
    peer = load_peer()
    peer.redirect_cuda()
    import stir.stir
    from stir.attack.losses import LPNormLossSingleModel

    import stir.helper

    peer.LPNormLossSingleModel, peer.DummyArgs = LPNormLossSingleModel, stir.helper.DummyArgs
    images = torch.from_numpy(np.load(FOLDER / "images.npy"))
    half = len(images) // 2
    print(
        json.dumps(
            {
                "one batch": published(peer, [images], keep_eval=False),
                "one batch, models kept in eval mode": published(peer, [images], keep_eval=True),
                "two batches": published(peer, [images[:half], images[half:]], keep_eval=False),
                "two batches, models kept in eval mode": published(peer, [images[:half], images[half:]], keep_eval=True),
            }
        )
    )


if __name__ == "__main__":
    main()
