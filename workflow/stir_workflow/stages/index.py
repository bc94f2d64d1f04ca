"""Jobs that make several artifacts: PyTorch is imported once, and what is there already is not made again.

The job's own artifact is an index of these parts, as JSON: key -> file. Snakemake sees only the index.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from stir.errors import ArtifactError
from stir_workflow.messages import naming
from stir_workflow.stages.cost import measured
from stir_workflow.stages.job import Job
from stir_workflow.store.artifacts import checked, is_good, sealing


def make_parts(job: Job, parts: Mapping[str, Job], make: Callable[[Job], None], *, unit: str) -> None:
    """Make the parts that are missing or bad, and list all of them.

    Parameters
    ----------
    job : Job
        The job whose artifact is the index.
    parts : mapping
        Key in the index -> job of the part.
    make : callable
        Makes one part.
    unit : str
        What a part is called where progress is shown.
    """
    from stir.progress import progress_bar, progress_of

    missing = [part for part in parts.values() if not is_good(part.output)]
    with progress_bar(f"{unit}s", len(missing), unit=unit) as bar:
        for part in missing:
            with progress_of(f"{part.output.parent.name}/{part.output.stem}"), naming(part.title), measured(part.benchmark):
                make(part)
            bar.update()
    with sealing(job.output, job.recipe) as path:
        index = {key: part.output.as_posix() for key, part in parts.items()}
        path.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def read_index(path: Path) -> dict[str, Path]:
    """Return key -> file.

    Raises
    ------
    ArtifactError
        If the index is not what its seal says, or names a file that does not lie in its folder.
    """
    index = {key: Path(file) for key, file in json.loads(checked(path).read_text(encoding="utf-8")).items()}
    for file in index.values():
        if not file.is_relative_to(path.parent) or ".." in file.parts:
            raise ArtifactError(f"{path} names {file}, which does not lie beside it; remake it.")
    return index
