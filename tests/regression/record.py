"""Record the output of every stage for a fixed experiment: `python -m tests.regression.record`, from the project's root.

Run it after raising the version of a stage whose output changed on purpose.
"""

import hashlib
import json
import re
import tempfile
from contextlib import chdir
from pathlib import Path

import numpy as np

from stir_workflow.store.facts import STAGES as FACTS

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden.json")
EXPERIMENT = Path(__file__).with_name("golden.yaml")
EXCESS = "stir_excess"
"""Left out: it follows from numbers that are recorded, divided by a difference that may be small."""
STAGES = tuple(stage for stage in FACTS if stage not in ("figure", "report", "study", "publication"))


def measure(folder):
    """Make every artifact of the experiment in a folder; return stage -> its version and numbers."""
    from stir_workflow.planning.loading import load_experiment
    from stir_workflow.planning.plan import Plan
    from stir_workflow.stages import stage_module
    from stir_workflow.stages.job import Job

    plan = Plan("golden", load_experiment(EXPERIMENT))
    found = {stage: {"version": FACTS[stage].version, "numbers": {}} for stage in STAGES}
    with chdir(folder):
        for path, artifact in plan.by_path.items():
            stage = artifact.recipe.stage
            if stage in STAGES:
                inputs = {role: [Path(name) for name in names] for role, names in artifact.inputs.items()}
                stage_module(stage).make(Job(artifact.recipe, Path(path), inputs, "cpu"))
                numbers = NUMBERS.get(stage, of_any)(Path(path))
                found[stage]["numbers"] |= {name: value for name, value in numbers.items() if EXCESS not in name}
    return found


def name_of(path):
    """Return an artifact's name without its key: a key changes with every version."""
    return f"{path.parent.name}/{path.stem.rpartition('-')[0]}"


def of_dataset(path):
    """Integers are represented by their digest."""
    import h5py

    with h5py.File(path) as file:
        return {name: hashlib.sha256(values[()].tobytes()).hexdigest() for name, values in file.items()}


def of_arrays(arrays, prefix):
    """Mean, root mean square, and a projection that sees the order of the values."""
    numbers = {}
    for name, values in arrays:
        flat = np.asarray(values, dtype=np.float64).ravel()
        order = np.cos(np.arange(flat.size))
        numbers[f"{prefix}/{name}"] = [flat.mean(), np.sqrt(np.square(flat).mean()), flat @ order / np.sqrt(flat.size)]
    return numbers


def of_hdf5(path):
    import h5py

    arrays = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.append((name, item[()])) if isinstance(item, h5py.Dataset) else None)
    return of_arrays([(name, values) for name, values in arrays if values.dtype.kind in "biuf"], name_of(path))


def of_index(path):
    """Files are represented by their names; their numbers are those of the stages iri and pair."""
    return {name_of(path): [name_of(Path(file)) for file in json.loads(path.read_text(encoding="utf-8")).values()]}


def of_checkpoint(path):
    from safetensors.numpy import load_file

    from stir.models import read_metadata

    curve = read_metadata(path).get("learning_curve")  # an untrained network has none
    losses = {f"{name_of(path)}/losses": curve["training_loss"]} if curve else {}
    weights = [(name, values) for name, values in load_file(path).items() if "num_batches" not in name]
    return losses | of_arrays(sorted(weights), name_of(path))


def of_evaluation(path):
    attacks = [{**content, "checkpoint": None} for content in json.loads(path.read_text(encoding="utf-8"))]
    return {
        f"{name_of(path)}/{number}/{name}": value for number, content in enumerate(attacks) for name, value in content.items()
    }


def of_rows(path, prefix):
    from stir.tables import read_table

    return of_frame(read_table(path), prefix)


def of_frame(table, prefix):
    """Columns of numbers as lists, columns of text as text; keys and kinds of devices are left out.

    Flags are left out as well: they compare numbers with thresholds, and one number here is 0.0003 from its threshold.
    """
    table = table.drop(columns=["reference_checkpoint", "target_checkpoint"], errors="ignore")
    numbers = {f"{prefix}/rows": len(table), f"{prefix}/columns": ",".join(table.columns)}
    for column in table.columns.drop(["flags", "device_kind"], errors="ignore"):
        values = table[column].tolist()
        text = any(isinstance(value, str) for value in values)
        numbers[f"{prefix}/{column}"] = ",".join(map(str, values)) if text else [None if v != v else v for v in values]
    return numbers


def of_scores(path):
    """Rows, and the arrays beside them, of which missing rows are left out."""
    from stir_workflow.store.scores import read_scores

    scores = read_scores(path)
    arrays = [(name, array[~np.isnan(array).any(axis=1)]) for name, array in (("per_image", scores.per_image),)]
    return of_frame(scores.rows, name_of(path)) | of_arrays(arrays, name_of(path))


def of_tables(stamp):
    from stir_workflow.store.stamps import stamped

    numbers = {}
    for name, path in stamped(stamp).items():
        if path.suffix == ".h5":
            numbers |= of_hdf5(path)
        elif path.suffix == ".csv":
            numbers |= of_rows(path, name)
        else:
            numbers |= of_nested(json.loads(path.read_text(encoding="utf-8")), name)
    return numbers


def of_nested(content, prefix):
    numbers = {}
    for key, value in content.items():
        numbers |= of_nested(value, f"{prefix}/{key}") if isinstance(value, dict) else {f"{prefix}/{key}": value}
    return numbers


def of_any(path):
    """Numbers of an artifact of a stage that needs no function of its own."""
    if path.suffix == ".json":
        return of_nested({name_of(path): json.loads(path.read_text(encoding="utf-8"))}, "json")
    return of_rows(path, name_of(path)) if path.suffix == ".csv" else of_hdf5(path)


def compact(text):
    """Write each list of the JSON on one line, so that diffs are readable."""
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


NUMBERS = {
    "dataset": of_dataset,
    "checkpoint": of_checkpoint,
    "evaluation": of_evaluation,
    "inversion": of_index,
    "representation": of_index,
    "score": of_scores,
    "table": of_tables,
}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(folder)
    GOLDEN.write_text(compact(json.dumps(measured, indent=1)) + "\n", encoding="utf-8")
    print(f"{sum(len(part['numbers']) for part in measured.values())} entries recorded in {GOLDEN}")
