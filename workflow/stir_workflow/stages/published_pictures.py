"""Pictures of IRIs for ``stir plot``: of the experiment that published a table, or of files of IRIs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stir.errors import ArtifactError, InvalidInputError
from stir.names import shown
from stir_workflow.stages.figure import image_rows
from stir_workflow.stages.job import Job
from stir_workflow.store.artifacts import checked, sealed_recipe
from stir_workflow.store.identity import Recipe
from stir_workflow.store.stamps import STAMP

if TYPE_CHECKING:
    from stir.plotting.pictures import ImageRow

REMEDY = "pass files of results/iris instead, or add images to the experiment's figures and run it again"


def rows_of_paths(paths: Sequence[Path], how: Mapping[str, Any]) -> "tuple[list[ImageRow], str]":
    """Return rows of pictures, and a title.

    Parameters
    ----------
    paths : sequence of Path
        A published table, or files of IRIs or of results.
    how : mapping
        ``models``, ``names``, ``layer``, ``images_dataset`` and ``count`` of the command.

    Raises
    ------
    InvalidInputError
        If there are no pictures, or the files do not fit together.
    """
    if [path.suffix for path in paths] == [".csv"]:
        return _of_experiment(paths[0], how)
    rows: list[ImageRow] = []
    for path in paths:
        rows += _of_file(path, how, first=not rows)
    return rows, ""


def _of_file(path: Path, how: Mapping[str, Any], *, first: bool) -> "Iterator[ImageRow]":
    """Give the rows of a saved result; the seed images of the first file alone."""
    from stir.loading import load
    from stir.plotting.rows_of_results import IRIS, rows_of

    result = load(path)
    several = hasattr(result, "inversions")
    chosen = {"models": how["models"], "names": how["names"]} if several else {}
    if not several and (how["models"] or how["layer"] or how["images_dataset"]):
        raise InvalidInputError(
            f"Expected a table with --models, --layer or --images-dataset; got {shown(path)}, which has one model."
        )
    for row in rows_of(result, n=how["count"], **chosen)[0]:
        if row.label == IRIS:
            yield replace(row, label=f"{IRIS} of {_called(path, how['names'])}")
        elif first or row.label != "seed images":
            yield row


def _called(path: Path, names: Mapping[str, str]) -> str:
    """Return what a row calls a file: its model, layer and random seed if it is one of results/iris, or its name."""
    found = re.match(r"(?P<layer>.+)\.[^.]+\.[^.]+\.(?P<seed>[0-9]+)-[0-9a-f]+\Z", path.stem)
    if found is None or path.parent.parent.name != "iris":
        return names.get(path.stem, path.stem)
    model = path.parent.name
    return f"{names.get(model, model)}, {found['layer']}, seed {found['seed']}"


def _of_experiment(table: Path, how: Mapping[str, Any]) -> "tuple[list[ImageRow], str]":
    from stir.errors import check_known
    from stir.flags import of_models
    from stir.plotting.selecting import display_names, literal
    from stir.tables import read_table

    job = _job_of(table)
    settings, labels = job.settings, list(dict.fromkeys(iri["images_dataset"] for iri in job.settings["iris"]))
    layer, label = how["layer"] or settings["layers"][-1], how["images_dataset"] or labels[0]
    check_known("layer", layer, settings["layers"])
    check_known("dataset of images", label, labels)
    known = list(dict.fromkeys(iri["model"] for iri in settings["iris"]))
    names = display_names(how["names"], known, shown(table))
    for model in how["models"] or ():
        check_known("model", model, known)
    order = how["models"] or known
    models = table.with_name(f"{table.stem}-models.csv")
    said = of_models(read_table(models)) if models.is_file() else {}
    iris = [iri for iri in settings["iris"] if iri["model"] in order]
    asked = replace(job, recipe=Recipe("figure", 0, settings | {"iris": iris, "n_pictures": how["count"]}, {}))
    try:
        rows = image_rows(asked, layer, label, job.inputs["datasets"][labels.index(label)], said)
    except KeyError as error:
        raise InvalidInputError(
            f"Expected files of this version behind {shown(table)}; they have no {error}: {REMEDY}."
        ) from error
    own = sorted((row for row in rows if row.model), key=lambda row: order.index(row.model))
    shared = [row for row in rows if not row.model]
    called = [replace(row, label=row.label.replace(row.model, names[row.model]), model=names[row.model]) for row in own]
    return [*shared, *called], literal(f"layer {layer}, images of {label}")


def _job_of(table: Path) -> Job:
    """Return the job of the figures that were published with a table.

    Raises
    ------
    InvalidInputError
        If it was not published here, or its figures had no pictures.
    """
    results = table.resolve().parent.parent
    for path in sorted((results / "publications").glob(f"{table.stem}-*{STAMP}")):
        try:
            published = sealed_recipe(checked(path))
            if published.settings.get("experiment") != table.stem:
                continue
            figure = published.inputs["figure"]
            recipe = sealed_recipe(checked(results / "figures" / f"{table.stem}-{figure}{STAMP}"))
            keys = {role: recipe.inputs[role] for role in ("datasets", "iris")}
        except (ArtifactError, KeyError, OSError) as error:
            raise InvalidInputError(
                f"Expected the stamps of {shown(table)} unaltered, and of this version: {error}; {REMEDY}."
            ) from error
        if not recipe.settings.get("iris"):
            raise InvalidInputError(f"Expected an experiment whose figures have pictures; {shown(table)} has none: {REMEDY}.")
        data = results.parent / "data" / "datasets"
        inputs = {"datasets": _found(keys["datasets"], data), "iris": _found(keys["iris"], results / "iris")}
        return Job(recipe, results / "figures" / path.name, inputs)
    raise InvalidInputError(f"Expected a table that an experiment published, in results/tables; got {shown(table)}: {REMEDY}.")


def _found(keys: Any, folder: Path) -> list[Path]:
    """Return the artifacts of keys."""
    by_key = {path.stem.rsplit("-", 1)[-1]: path for path in folder.rglob("*.h5")}
    wanted = [keys] if isinstance(keys, str) else list(keys)
    if missing := [key for key in wanted if key not in by_key]:
        raise InvalidInputError(f"Expected the file of key {missing[0]} in {shown(folder)}; it is not there: {REMEDY}.")
    return [by_key[key] for key in wanted]
