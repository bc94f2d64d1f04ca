"""One evaluation of the descent by itself: batch sizes, formats, cuDNN's search, TensorFloat-32, CUDA graphs, torch.compile.

The CUDA graph and torch.compile have sections, and so processes, of their own: what they break is theirs.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from gpu_materials import network, pixels, small_images
from gpu_measuring import Bench, Values, fractions, tensorfloat, timed
from rates import evaluation_flop
from torch import Tensor

from stir.inversion import InversionSettings
from stir.inversion.fast_forward import _Folded, fast_forwards
from stir.inversion.problem import InversionProblem
from stir.models.frozen import frozen

Evaluate = Callable[[], tuple[Tensor, Tensor]]


class Evaluation:
    """An evaluation of a batch: seed images, targets, forward passes in both precisions."""

    def __init__(self, bench: Bench) -> None:
        model, _ = network(bench.folder, bench.sizes)
        images, _, _ = small_images(bench.sizes, "test")
        self.bench, self.model = bench, model.to(bench.device)
        self.images = pixels(images[: bench.sizes.images]).to(bench.device).contiguous(memory_format=torch.channels_last)
        settings = InversionSettings(precision="bfloat16")
        self.forwards = fast_forwards(self.model, None, self.images[:4], settings)
        self.flop = evaluation_flop(self.model, self.images)

    def folded(self, precision: str) -> _Folded:
        """Return the forward pass of a precision."""
        forward = self.forwards.rounded if precision == "bfloat16" else self.forwards.exact
        assert isinstance(forward, _Folded), self.forwards.note
        return forward

    def of(self, forward: Callable[[Tensor], Tensor], n: int, images: Tensor | None = None) -> Evaluate:
        """Return an evaluation of n pictures; the targets are those of the pictures in another order."""
        pictures = (self.images if images is None else images)[:n]
        with torch.no_grad():
            targets = forward(pictures).roll(1, dims=0)
        problem = InversionProblem(forward)
        return lambda: problem.errors_and_gradients(pictures, targets)

    def row(self, what: str, make: Callable[[], Evaluate], n: int, kind: str = "bfloat16", *, needs: float = 2) -> Values:
        """Write the row of an evaluation."""

        def measure() -> Values:
            with frozen(self.model), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of compilers
                evaluate = make()
                seconds = timed(self.bench.device, evaluate, self.bench.sizes.repeats)
            values = {"seconds": seconds, "images per second": n / seconds}
            return values | fractions(self.bench, self.flop * n, seconds, kind)

        return self.bench.trial(what, measure, needs=needs)


def batches(bench: Bench) -> None:
    """Write the rows of batch sizes, and of settings with the largest of them."""
    every = Evaluation(bench)
    for n in bench.sizes.batch_sizes:
        for kind in ("bfloat16", "float32"):
            every.row(f"{kind}, batch of {n}", lambda n=n, k=kind: every.of(every.folded(k), n), n, kind)
    n, rounded = bench.sizes.batch_sizes[-1], every.folded("bfloat16")
    first = every.images.contiguous()
    with _searching():
        every.row(f"bfloat16, batch of {n}, cudnn.benchmark", lambda: every.of(rounded, n), n)
    bench.trial(f"float32 in TensorFloat-32, batch of {n}", lambda: _in_tensorfloat(every, n))
    every.row(f"bfloat16, batch of {n}, channels first", lambda: every.of(_channels_first(rounded), n, first), n)


@contextmanager
def _searching() -> Iterator[None]:
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _in_tensorfloat(every: Evaluation, n: int) -> Values:
    """Time what the library does not do: errors change by 1e-3, and parity with them."""
    with tensorfloat(allowed=True):
        seconds = timed(every.bench.device, every.of(every.folded("float32"), n), every.bench.sizes.repeats)
    note = "not a setting of the library: parity with the CPU would be lost"
    return {"seconds": seconds, "images per second": n / seconds, **fractions(every.bench, every.flop * n, seconds), "note": note}


def _channels_first(forward: _Folded) -> _Folded:
    """Change the memory format of the weights: the last trial of its process."""
    forward.part._apply(lambda t: t.contiguous())
    return forward


def graph(bench: Bench) -> None:
    """Write the rows of one evaluation, launched as usual and as a CUDA graph."""
    every = Evaluation(bench)
    for n in bench.sizes.batch_sizes:
        eager = every.row(f"as usual, batch of {n}", lambda n=n: every.of(every.folded("bfloat16"), n), n)
        captured = every.row(f"CUDA graph, batch of {n}", lambda n=n: _captured(every, n), n)
        if eager and captured:
            bench.row(f"gain of the graph, batch of {n}", ratio=eager["seconds"] / captured["seconds"])


def _captured(every: Evaluation, n: int) -> Evaluate:
    if every.bench.device.type != "cuda":
        raise RuntimeError("a CPU has no CUDA graphs")
    evaluate, beside = every.of(every.folded("bfloat16"), n), torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            evaluate()
    torch.cuda.current_stream().wait_stream(beside)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        found = evaluate()

    def replay() -> tuple[Tensor, Tensor]:
        recorded.replay()
        return found

    return replay


def compiled(bench: Bench) -> None:
    """Write the rows of one evaluation as usual and by torch.compile; the first call compiles."""
    every = Evaluation(bench)
    n, usual = bench.sizes.batch_sizes[-1], every.folded("bfloat16")
    eager = every.row(f"as usual, batch of {n}", lambda: every.of(usual, n), n)
    for mode in ("default", "max-autotune-no-cudagraphs"):
        keywords = {"mode": mode} if bench.sizes.compiler == "inductor" else {}
        began = time.perf_counter()

        def make(keywords: dict = keywords) -> Evaluate:
            part = torch.compile(usual.part, backend=bench.sizes.compiler, **keywords)
            return every.of(_Folded(part, usual.layer, usual.pooling, usual.dtype), n)

        found = every.row(f"torch.compile ({mode}), batch of {n}", make, n, needs=15)
        if eager and found:
            bench.row(
                f"gain of torch.compile ({mode})", ratio=eager["seconds"] / found["seconds"], seconds=time.perf_counter() - began
            )
