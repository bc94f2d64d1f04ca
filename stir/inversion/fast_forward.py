"""A faster forward pass for the descent: m1 up to the layer, with BatchNorm folded, in a precision to choose.

Nothing here ends an inversion: where a forward pass cannot be prepared, fails, or does not agree with the model as given,
that model is used instead, and a note says why.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from stir.dtypes import widened
from stir.inversion.fake_relu import cut_at, faked, no_fake_relu
from stir.inversion.settings import InversionSettings
from stir.layers import Layer, LayerSpec, layer_spec, resolve_layer
from stir.models.cutting import UntraceableError
from stir.models.folding import copied, folded
from stir.models.frozen import Buffers, lend
from stir.models.usable import check_model, place_of, running_eagerly
from stir.poolings import Pooling
from stir.representations import representing, rows, settle_pooling

LARGEST_DIFFERENCE = 1e-3
LARGEST_DIFFERENCE_OF_GRADIENTS = 0.1
"""Rounding flips a few ReLUs; a module that hides its own gradient from tracing changes it by far more."""
TRIALS, TRIAL_SECONDS = 3, 1.0
"""Evaluations by which precisions are compared, and the seconds after which there are no more of them."""
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Forwards:
    """The forward passes of a descent: it begins in a precision, and ends with the exact one."""

    exact: Forward | None = None
    """None stands for the model as given."""
    rounded: Forward | None = None
    """In bfloat16."""
    precision: str = "float32"
    """Which of them a descent begins with."""
    note: str = "as given"
    """What they are made of, or why they are not; on one line."""

    @property
    def first(self) -> Forward | None:
        """The rounded one, if descents begin with it."""
        return self.rounded if self.precision == "bfloat16" else None

    def beginning_in(self, precision: str) -> "Forwards":
        """Return these for descents that were interrupted: they go on in the precision that they began in."""
        return self if self.rounded is None else replace(self, precision=precision)

    def without(self, error: Exception) -> "Forwards":
        """Return the model as given, in place of a forward pass that failed."""
        return Forwards(note=f"as given: {_one_line(error)}")


def fast_forwards(model: nn.Module, layer: str | LayerSpec | None, images: Tensor, settings: InversionSettings) -> Forwards:
    """Prepare the functions images -> representation of a descent.

    BatchNorm is folded into convolutions where the model can be traced.

    Parameters
    ----------
    model : torch.nn.Module
        m1.
    layer : str, LayerSpec or None
        As in `stir.represent`.
    images : Tensor
        A few images, to compare the folded model with the model as given.
    settings : InversionSettings
        Its pooling, its precision, of which ``"float32"`` stands for the model's own type, whether the last ReLU is fake, and
        its batch size, with which precisions are compared on a GPU.

    Raises
    ------
    InvalidInputError
        If there is no last ReLU to fake.
    """
    check_model(model)
    spec = layer_spec(layer, None, settings.pooling)
    forwards = lend(model, partial(_folded_forwards, model, spec, images, fake_last_relu=settings.fake_last_relu))
    if settings.precision == "float32" or forwards.exact is None:
        return forwards
    with running_eagerly(model):
        images = images.to(place_of(model, images))
        # A few images take a GPU as long in any precision: what is measured is the launching of its kernels.
        whole = images.repeat(-(-settings.batch_size // len(images)), *[1] * (images.ndim - 1))[: settings.batch_size]
        return _with_bfloat16(forwards, whole if images.is_cuda else images, choose=settings.precision == "auto")


class _Folded:
    """A folded part of a model as a function of images; takes and gives the type of the images."""

    def __init__(self, part: nn.Module, layer: str, pooling: Pooling, dtype: torch.dtype) -> None:
        self.part, self.layer, self.pooling, self.dtype = part, layer, pooling, dtype
        self._buffers = Buffers(part)

    def __call__(self, images: Tensor) -> Tensor:
        try:
            return self.pooling(rows(self.part, images.to(self.dtype, copy=True), self.layer)).to(images.dtype)
        finally:
            self._buffers.restore()


def _folded_forwards(model: nn.Module, spec: LayerSpec, images: Tensor, *, fake_last_relu: bool) -> Forwards:
    place = place_of(model, images)
    images = images.to(place)
    two = images[:2].expand(2, *images.shape[1:])
    with representing(model, spec, two) as given:
        try:
            expected = _evaluated(given, images)
        except RuntimeError as error:
            reasons = [_one_line(error)]
            if fake_last_relu:
                raise no_fake_relu(model, str(given.layer), reasons) from error
            return _as_given(reasons)
    with torch.no_grad(), running_eagerly(model):
        buffers = Buffers(model)
        found = resolve_layer(model, spec, two)
        buffers.restore()
        pooling = settle_pooling(model, found, two, spec.pooling)
        buffers.restore()
        reasons = []
        for deep in (True, False):
            try:
                forwards = _folded_forward(model, found, pooling, place.dtype, fake_last_relu=fake_last_relu, deep=deep)
                assert forwards.exact is not None
                _check_agreement(_evaluated(forwards.exact, images), expected, gradients=not fake_last_relu)
                _check_agreement(_evaluated(forwards.exact, images[:1]), tuple(x[:1] for x in expected), gradients=False)
            except Exception as error:  # whatever a model has that copies, traces or foldings cannot have
                reasons.append(_one_line(error))
            else:
                return forwards
            finally:
                buffers.restore()
    if fake_last_relu:
        raise no_fake_relu(model, str(found), reasons)
    return _as_given(reasons)


def _as_given(reasons: list[str]) -> Forwards:
    return Forwards(note=f"as given: {reasons[-1]}")


def _folded_forward(
    model: nn.Module, found: Layer, pooling: Pooling, dtype: torch.dtype, *, fake_last_relu: bool, deep: bool
) -> Forwards:
    part = cut_at(model, found, deep=deep)
    graph, n_folded = folded(part.graph, inside=deep)
    forward = _Folded(faked(graph) if fake_last_relu else graph, str(found), pooling, dtype)
    opaque = [f"{name.removeprefix('model.')} called as it is ({reason})" for name, reason in part.opaque.items()]
    more = [f"and {len(opaque) - 1} more modules"] if len(opaque) > 1 else []
    return Forwards(forward, note="; ".join([f"traced, {n_folded} BatchNorm folded", *opaque[:1], *more]))


def _evaluated(forward: Forward, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the representation and a gradient, as a descent asks for them."""
    images = images.detach().requires_grad_(True)
    with torch.enable_grad():
        representation = widened(forward(images))
        # Relative, as in a descent: squares of the small activations of a deep network vanish.
        half = (0.5 * (representation / representation.detach().norm(dim=1, keepdim=True)).square()).sum()
    gradients = torch.autograd.grad(half, images, allow_unused=True)[0] if half.requires_grad else None
    return representation.detach(), torch.zeros_like(images) if gradients is None else gradients


def _check_agreement(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], *, gradients: bool) -> None:
    limits = {"representation": LARGEST_DIFFERENCE, "gradient": LARGEST_DIFFERENCE_OF_GRADIENTS}
    for (what, limit), of_found, of_given in zip(limits.items(), found, expected, strict=True):
        difference = (of_found - of_given).norm() / of_given.norm()
        if not difference < limit and not torch.equal(of_found, of_given) and (gradients or what == "representation"):
            raise UntraceableError(f"what was traced has another {what} (relative difference {difference:.2g})")


def _with_bfloat16(forwards: Forwards, images: Tensor, *, choose: bool) -> Forwards:
    """Add a forward pass in bfloat16 where it works; where a choice is left, only if an evaluation takes less time with it."""
    exact = forwards.exact
    assert isinstance(exact, _Folded)
    try:
        rounded = _Folded(copied(exact.part).to(torch.bfloat16), exact.layer, exact.pooling, torch.bfloat16)
        _, gradients = _evaluated(rounded, images)
        if not gradients.isfinite().all():
            raise UntraceableError("its gradient is not finite")
    except Exception as error:  # operations that this device does not have in bfloat16
        return replace(forwards, note=f"{forwards.note}; not in bfloat16: {_one_line(error)}")
    if not choose:
        return replace(forwards, rounded=rounded, precision="bfloat16")
    seconds = {"float32": _seconds(exact, images), "bfloat16": _seconds(rounded, images)}
    timed = ", ".join(f"{1e3 * value:.3g} ms in {name}" for name, value in seconds.items())
    faster = min(seconds, key=lambda precision: seconds[precision])
    return replace(forwards, rounded=rounded, precision=faster, note=f"{forwards.note}; {timed} for {len(images)} images")


def _seconds(forward: Forward, images: Tensor) -> float:
    """Return the seconds of one evaluation, the best of a few."""
    taken: list[float] = []
    while not taken or (len(taken) < TRIALS and sum(taken) < TRIAL_SECONDS):
        began = time.perf_counter()
        _evaluated(forward, images)[1].sum().item()  # waits for a GPU
        taken.append(time.perf_counter() - began)
    return min(taken)


def _one_line(error: Exception) -> str:
    text = str(error) if isinstance(error, UntraceableError) else f"{type(error).__name__}: {error}"
    return text.split("\n")[0][:200].rstrip(".")
