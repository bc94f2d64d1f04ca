"""Files that an experiment's plan will write: each inside data/ and results/, with a name that file systems take, and its own."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from stir.errors import ArtifactError, InvalidInputError
from stir.names import TABLE_ENDINGS, check_inside, figure_layer, figure_name, layer_slug, shortened
from stir_workflow.planning.artifact import Artifact
from stir_workflow.planning.fitting import places_of_datasets
from stir_workflow.planning.loading import Experiment, ExperimentError
from stir_workflow.planning.plan import Plan
from stir_workflow.planning.reading import blamed, read_experiment
from stir_workflow.planning.settings import image_labels, layer_label
from stir_workflow.stages.figure import PER_MEASURE, heatmap_name
from stir_workflow.store.places import FOLDERS
from stir_workflow.store.publication import check_unclaimed

LONGEST = 255
"""Bytes of a file's name."""
COMPANIONS = 64
"""Bytes that names of seals, snapshots and temporary files have besides."""


def check_published(plans: Sequence[Plan], paths: Sequence[Path], scale: str | None) -> None:
    """Refuse plans of files that cannot be written, or would be written in place of another experiment's.

    Parameters
    ----------
    plans, paths : sequences
        Plans, and their experiments' files.
    scale : str or None
        The scale of all of them; each one's default otherwise.

    Raises
    ------
    ExperimentError
        Naming file and key.
    """
    places: dict[Path, Path] = {}
    for plan, path in zip(plans, paths, strict=True):
        parts = read_experiment(path).parts(scale)
        if problems := list(path_problems(plan)):
            raise ExperimentError("\n".join(blamed(parts, problem) for problem in problems))
        for place in published_files(plan):
            if (other := places.setdefault(place, path)) != path:
                raise ExperimentError(f"--config: {other} and {path} would both write {place}; rename one of them.")
        try:
            check_unclaimed(Path(plan.publication.path), plan.name, published_files(plan), plan.publication.source)
        except ArtifactError as error:
            raise ExperimentError(f"{path}: {error}") from error


def origin(path: Path) -> str:
    """Return what a publication says of the experiment's file: where it is, from the project if it lies there."""
    place = path.resolve()
    return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)


def published_files(plan: Plan) -> list[Path]:
    """Return the tables, figures and report that an experiment may publish under names without a key."""
    tables = [f"{plan.name}{ending}{suffix}" for ending in ("", *TABLE_ENDINGS) for suffix in (".csv", ".json", ".h5")]
    figures = [f"{plan.name}-{name}.{suffix}" for name in _figures(plan) for suffix in plan.experiment["figure_formats"]]
    return [
        *(Path(FOLDERS["table"], name) for name in tables),
        *(Path(FOLDERS["figure"], name) for name in figures),
        Path(FOLDERS["report"], f"{plan.name}.html"),
    ]


def _figures(plan: Plan) -> Iterator[str]:
    experiment = plan.experiment
    measures, labels = experiment["similarity_measures"], image_labels(experiment)
    datasets = labels if len(labels) > 1 else [None]
    for kind in experiment["figures"]:
        if kind in PER_MEASURE:
            yield from (f"{kind}-{measure}" for measure in measures)
            continue
        for number, layer in enumerate(experiment["layers"]):
            drawn = figure_layer((model.layers[number].text for model in plan.models), layer_label(layer))
            shown = layer_slug(layer_label(layer)) if kind == "images" else drawn
            matrices = [heatmap_name(measure, intervals=kind == "intervals") for measure in measures]
            whats = ["images"] if kind == "images" else matrices
            yield from (figure_name(shown, what, images) for images in datasets for what in whats)


def path_problems(plan: Plan) -> Iterator[str]:
    """Find planned files that lie outside of data/ and results/, have too long a name, or share one.

    Yields
    ------
    str
        The key to blame, and what is wrong.
    """
    files = published_files(plan)
    for file, count in Counter(files).items():
        if count > 1:
            yield (
                f"layers: expected figures with names of their own; got {count} named {file.name!r}; "
                "give layers and datasets other labels"
            )
    paths = [path for made in plan.by_path.values() for path in _paths(made)] + [str(file) for file in files]
    too_long = {part for path in paths for part in path.split("/") if len(part.encode()) > LONGEST - COMPANIONS}
    for place, name in {_blamed(name, plan.experiment): name for name in sorted(too_long)}.items():
        yield (
            f"{place}: expected names of which file names of at most {LONGEST - COMPANIONS} bytes can be made; "
            f"got {len(name)}: {shortened(name)}; make this one shorter"
        )
    for folder in sorted({path.rpartition("/")[0] for path in paths}):
        try:
            check_inside(Path(folder, "file"))
        except InvalidInputError as error:
            yield f"the file: {error}"


def _paths(made: Artifact) -> list[str]:
    """Return where an artifact, its log and its benchmark lie."""
    return [made.path, made.benchmark, made.log]


def _blamed(name: str, experiment: Experiment) -> str:
    """Return the place of the longest value that is part of a name."""
    places = {f"layers[{number}]": layer_slug(layer_label(layer)) for number, layer in enumerate(experiment["layers"])}
    for place, dataset in places_of_datasets(experiment):
        places |= {f"{place}.{key}": dataset[key] for key in ("name", "label") if key in dataset}
    held = {place: value for place, value in places.items() if value in name}
    return max(held, key=lambda place: len(held[place]), default="layers")
