"""All facts about the stages, in one table: the plan, the rules, the command line and the cache read them here."""

from dataclasses import dataclass, field
from enum import Enum


class Count(Enum):
    """The number of files that an input role accepts."""

    ONE = "one"
    OPTIONAL = "at most one"
    MANY = "one or more"
    ANY = "any number"

    def takes(self, number: int) -> bool:
        """Return whether this number of files is accepted."""
        return {Count.ONE: number == 1, Count.OPTIONAL: number <= 1, Count.MANY: number >= 1, Count.ANY: True}[self]


ONE, OPTIONAL, MANY, ANY = Count
LISTS = (MANY, ANY)
"""Of which recipes have a list of keys."""


@dataclass(frozen=True)
class Facts:
    """Facts that are common to all artifacts of a stage."""

    version: int
    """Raised when the same recipe gives a different output, even in its last bits."""
    folder: str
    suffix: str
    inputs: dict[str, Count] = field(default_factory=dict)
    """Role -> number of artifacts."""
    on_gpu: bool = False
    """Whether its jobs compute on a GPU if there is one."""
    mem_mb: int = 4000
    """Megabytes requested from a cluster at the first attempt of a job."""
    minutes: int = 15
    """Wall time requested from a cluster at the first attempt of a job, in minutes."""
    minutes_per_part: bool = False
    """Whether these are the minutes of each artifact that its job makes and lists."""


STAGES = {
    "dataset": Facts(1, "data/datasets", ".h5"),
    "checkpoint": Facts(2, "results/checkpoints", ".safetensors", {"dataset": OPTIONAL}, on_gpu=True, mem_mb=8000, minutes=240),
    "evaluation": Facts(3, "results/evaluations", ".json", {"checkpoint": ONE, "dataset": ONE}, on_gpu=True, minutes=10),
    "iri": Facts(4, "results/iris", ".h5", {"checkpoint": OPTIONAL, "checkpoints": ANY, "dataset": ONE}, on_gpu=True),
    "inversion": Facts(
        1,
        "results/iris",
        ".json",
        {"checkpoint": OPTIONAL, "checkpoints": ANY, "dataset": ONE},
        on_gpu=True,
        mem_mb=8000,
        minutes=120,
        minutes_per_part=True,
    ),
    "pair": Facts(2, "results/representations", ".h5", {"checkpoint": ONE, "dataset": ONE, "iris": MANY}, on_gpu=True),
    "representation": Facts(
        2, "results/representations", ".json", {"checkpoints": MANY, "dataset": ONE, "iris": MANY}, on_gpu=True, minutes=60
    ),
    "score": Facts(5, "results/scores", ".h5", {"representation": ONE, "iris": MANY}, mem_mb=8000, minutes=30),
    "table": Facts(
        7, "results/tables", ".stamp", {"scores": MANY, "evaluations": ANY, "checkpoints": MANY, "datasets": MANY}, mem_mb=8000
    ),
    "figure": Facts(6, "results/figures", ".stamp", {"table": ONE, "iris": MANY, "datasets": MANY}),
    "study": Facts(1, "results/sensitivity", ".stamp", {"tables": MANY}),
    "publication": Facts(1, "results/publications", ".stamp", {"table": OPTIONAL, "figure": OPTIONAL, "sensitivity": OPTIONAL}),
}
PARTS = frozenset({"iri", "pair"})
"""Stages whose artifacts are made and listed by the jobs of another stage."""
EXTRA = frozenset({"study"})
"""Stages whose artifacts are planned only if they are asked for."""
