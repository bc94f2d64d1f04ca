"""Invert with the published package, in a separate environment; its CUDA calls are redirected to the CPU.

Called by benchmarks/inversion.py: read networks, images and steps from a folder, and write pictures and times there.
"""

import importlib.util
import json
import sys
import time
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file


def redirect_cuda() -> None:
    """Redirect CUDA devices to the CPU, without other changes."""
    for kind in (torch.Tensor, torch.nn.Module):
        original = kind.to

        def to(self, *arguments, original=original, **keywords):
            arguments = ["cpu" if str(argument).startswith("cuda") else argument for argument in arguments]
            return original(self, *arguments, **keywords)

        kind.to = to
    torch.cuda.empty_cache = lambda: None


def load_source(name: str, path: Path) -> types.ModuleType:
    """Import one of our files in spite of the peer's package, which has the same name."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def build(sources: Path, description: dict, weights: Path) -> torch.nn.Sequential:
    """Build our network from our source, in eval mode."""
    sys.modules["stir.models"] = types.ModuleType("stir.models")
    load_source("stir.errors", sources.parent / "errors.py")
    load_source("stir.models.normalise", sources / "normalise.py")
    if description["name"].startswith("resnet"):
        residual = load_source("stir.models.resnet", sources / "resnet.py")
        model = residual.resnet(residual.BasicBlock, (2, 2, 2, 2), **description["sizes"])
    elif description["name"].startswith("efficientnet"):
        from efficientnet_lite_pytorch import EfficientNet

        normalise = sys.modules["stir.models.normalise"].Normalise(3)  # the file has its numbers
        network = EfficientNet.from_name(description["name"].replace("_", "-"))
        model = torch.nn.Sequential(OrderedDict(normalise=normalise, network=network))
    else:
        model = load_source("stir.models.vgg", sources / "vgg.py").vgg((2, 2, 3, 3, 3), **description["sizes"])
    model.load_state_dict(load_file(weights))
    return model.eval()


class Network(torch.nn.Module):
    """Our network with the call signature that the peer expects; ResNets end with the peer's own fake ReLU."""

    def __init__(self, model: torch.nn.Sequential) -> None:
        from stir.model.tools.custom_modules import FakeReLUM

        super().__init__()
        self.body, self.classifier = model[:-1], model[-1]
        if hasattr(self.classifier, "_fc"):  # EfficientNet
            self.body, self.classifier = model, model.network._fc
            model.network._fc = torch.nn.Identity()
        self.last = [module for module in self.body.modules() if hasattr(module, "relu2")][-1:]
        self.relus = (self.last[0].relu2, FakeReLUM()) if self.last else None

    def forward(self, x, with_latent=False, fake_relu=False, **_):
        """Return logits, or logits and the penultimate layer."""
        if self.relus:
            self.last[0].relu2 = self.relus[fake_relu]
        latent = self.body(x)
        return (self.classifier(latent), latent) if with_latent else self.classifier(latent)


def invert(network: Network, images: torch.Tensor, seeds: torch.Tensor, steps: int) -> torch.Tensor:
    """Invert with the default settings of the released `_stir`, except for the number of steps."""
    from stir.attack.attacker import AttackerModel
    from stir.attack.losses import LPNormLossSingleModel

    import stir.helper as helper

    model = AttackerModel(network, torch.nn.Identity()).eval()
    (_, targets), _ = model(images, with_latent=True)
    settings = {
        "custom_loss": LPNormLossSingleModel(helper.DummyArgs(("lpnorm_type", 2.0, float))),
        "constraint": "unconstrained",
        "eps": 1000,
        "step_size": 0.5,
        "iterations": steps,
        "targeted": True,
        "do_tqdm": False,
        "should_normalize": True,
        "use_best": True,
        "layer_num": None,
    }
    (_, found), _ = model(inp=seeds, target=targets.detach(), make_adv=True, with_image=True, **settings)
    return found.detach()


def main() -> None:
    """Invert the images of a folder, once per number of steps."""
    folder, sources, steps = Path(sys.argv[1]), Path(sys.argv[2]), [int(word) for word in sys.argv[3:]]
    description = json.loads((folder / "network.json").read_text())
    torch.set_num_threads(description["threads"])
    redirect_cuda()
    import stir

    assert "peer" in stir.__file__, f"the published package was not found; got {stir.__file__}"
    network = Network(build(sources, description, folder / "network.safetensors"))
    images = torch.from_numpy(np.load(folder / "images.npy"))
    for count in steps:
        seeds = torch.from_numpy(np.load(folder / "seeds.npy"))
        began, cpu_began = time.perf_counter(), time.process_time()
        found = invert(network, images, seeds, count)
        cpu = (time.process_time() - cpu_began) / torch.get_num_threads()
        seconds = {"wall": time.perf_counter() - began, "cpu": cpu}
        np.save(folder / f"found-{count}.npy", found.numpy())
        (folder / f"seconds-{count}.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main()
