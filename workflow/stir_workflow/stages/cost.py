"""What one job costs: seconds and memory."""

import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from stir_workflow.store.atomic import write_atomically

KIBIBYTES_PER_MEBIBYTE = 1024


@dataclass
class Cost:
    """One row of a benchmark file."""

    s: float = float("nan")
    """Wall time of the stage, in seconds, imports included."""
    cpu_s: float = float("nan")
    """CPU time of the stage's own work, all threads, in seconds."""
    max_rss_mb: float = float("nan")
    """Largest resident memory of the process so far, in MiB."""
    max_gpu_mb: float = 0.0
    """Largest memory that tensors had on a GPU, in MiB."""


@contextmanager
def measured(benchmark: Path) -> Iterator[Cost]:
    """Measure the block, and write a table of one row if it ends well.

    Parameters
    ----------
    benchmark : Path
        A TSV file.

    Warns
    -----
    UserWarning
        If it cannot be written; the job need not fail for that.
    """
    cost, began, cpu_began = Cost(), time.perf_counter(), time.process_time()
    yield cost
    cost.s, cost.cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    cost.max_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_MEBIBYTE
    cost.max_gpu_mb = _gpu_megabytes()
    row = {name: f"{value:.4f}" for name, value in asdict(cost).items()}
    try:
        write_atomically(benchmark, "\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    except OSError as error:
        warnings.warn(f"{benchmark} cannot be written ({error.strerror}); what the job made is kept.", stacklevel=3)


def _gpu_megabytes() -> float:
    """Ask torch, if the job used it at all."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return torch.cuda.max_memory_allocated() / KIBIBYTES_PER_MEBIBYTE**2
