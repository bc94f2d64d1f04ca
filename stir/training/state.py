"""The state of a training, which changes from epoch to epoch, is stored on disk, and can be resumed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, nn

from stir.snapshots import Snapshot, State, digest_of, made_by
from stir.training.curve import LearningCurve


class TrainingState:
    """Everything that the next epoch depends on.

    Parameters
    ----------
    model : torch.nn.Module
    optimiser : torch.optim.Optimizer
    schedule : torch.optim.lr_scheduler.LRScheduler
    generator : torch.Generator
        Determines the order of the images.
    """

    curve: dict[str, list[float]]
    """The learning curve of the finished epochs."""
    keep: Callable[[], None]
    """Pass the state to the snapshot; to be called between epochs."""

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        generator: Generator,
    ) -> None:
        self.model, self.optimiser, self.schedule, self.generator = model, optimiser, schedule, generator
        self._parts: dict[str, Any] = {"model": model, "optimiser": optimiser, "schedule": schedule}
        self.curve, self.keep = LearningCurve().to_dict(), lambda: None

    def resume(self, snapshot: Snapshot, settings: dict[str, Any]) -> None:
        """Save snapshots from now on, and resume from an existing one."""
        known = made_by() | settings
        self.keep = lambda: snapshot.offer(lambda: known | self._to_dict())
        saved = snapshot.load(known)
        if saved is not None:
            self._restore(saved)

    def _to_dict(self) -> State:
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        return parts | {"generator": self.generator.get_state(), "curve": self.curve}

    def _restore(self, saved: State) -> None:
        for name, part in self._parts.items():
            part.load_state_dict(saved[name])
        self.generator.set_state(saved["generator"])
        self.curve = saved["curve"]


def beginning(model: nn.Module, images: Tensor, labels: Tensor, generator: Generator) -> dict[str, Any]:
    """Return the initial conditions of a training, which must be equal in a snapshot."""
    return {
        "architecture": repr(model),
        "weights": digest_of(dict(model.named_parameters()) | dict(model.named_buffers())),
        "data": digest_of({"images": images, "labels": labels}),
        "first_generator": generator.get_state(),
        "device": torch.cuda.get_device_name(images.device) if images.device.type == "cuda" else images.device.type,
    }


@contextmanager
def draws_determined_by(generator: Generator, device: torch.device) -> Iterator[Generator]:
    """Seed layers that draw random numbers, such as dropout, from the generator's state, which does not change.

    Yield a generator on the device for other random numbers, which is seeded in the same way. The global random state
    is restored afterwards.
    """
    twin = torch.Generator("cpu")
    twin.set_state(generator.get_state())
    random_seed = int(torch.randint(2**62, (), generator=twin, dtype=torch.long, device="cpu"))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(random_seed)
        for each in devices:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(random_seed)
        yield torch.Generator(device).manual_seed(random_seed)
