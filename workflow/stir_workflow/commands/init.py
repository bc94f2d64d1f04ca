"""The command ``stir init``: a commented experiment file for models and images of one's own."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from stir.names import printable
from stir_workflow.messages import plain_errors, say

if TYPE_CHECKING:
    from stir_workflow.commands.entries import Dataset, Entry

T = TypeVar("T")
FEWEST_IMAGES = 4
SEEDS = {"random_seed": "{0}", "training_seeds": "[{1}, {2}]"}
"""Keys with random seeds -> their value for the n-th model of a network: of n, 2 n and 2 n + 1."""
IMAGES_HELP = "A folder or file of images of your own, or, where there is none of that name, a dataset of `stir datasets`."


@click.command()
@click.argument("output", type=click.Path(path_type=Path), default="experiment.yaml")
@click.option("--images", metavar="PATH|DATASET", help=IMAGES_HELP)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL[=WEIGHTS]",
    help="An address (`stir models`), perhaps with a checkpoint, a name of published weights, random, or train; a model of this "
    "project without weights is trained. May be repeated.",
)
@click.option("--layer", default="penultimate", show_default=True, help="Of all models; `stir layers MODEL` lists them.")
@click.option("--n-images", type=click.IntRange(FEWEST_IMAGES, 1_000_000), help="Reference images; at most 300 by default.")
@click.option("--description", help="One sentence on what the experiment asks.")
def init(
    output: Path, images: str | None, models: Sequence[str], layer: str, n_images: int | None, description: str | None
) -> None:
    """Write a commented experiment file, OUTPUT, for models and images of your own; no file is overwritten.

    In a terminal, what is not given is asked for. Size and classes of your images are filled in, with settings that make images
    of several sizes or kinds fit, and so is the SHA-256 of checkpoints. A model of this project without weights is trained here,
    for 20 epochs from each of two random seeds, and so is any model with `train` as its weights; other models without weights
    have those that their library publishes. `stir check` then says what a run would make, and `stir run` makes it.

    Example: stir init mine.yaml --images photographs/ --model timm:resnet18 --model torchvision:resnet50=random
    """
    from stir_workflow.commands.entries import dataset_of, entry_of, image_counts
    from stir_workflow.commands.written import text_of

    with plain_errors():
        _check_output(output)
        folder = output.parent
        dataset = dataset_of(images, folder) if images else _asked_images(lambda named: dataset_of(named, folder))
        asked = partial(entry_of, dataset=dataset, folder=folder)
        entries = _distinct(_of_different_seeds([*map(asked, models)] or _asked_models(asked)))
        counts = image_counts(dataset, entries, n_images)
        question = description or "To what degree do these networks share each other's invariances?"
        text = text_of(question, dataset, entries, layer, *counts)
        _write(output, text)
        click.echo(f"Wrote {output}. Next: stir check {output}")


def _check_output(output: Path) -> None:
    from stir.errors import InvalidInputError
    from stir.names import shown
    from stir_workflow.planning.naming import published_name

    if output.suffix not in (".yaml", ".yml"):
        raise InvalidInputError(f"Expected a file name that ends in .yaml; got {shown(output)}. Add it.")
    published_name(output.stem)
    if output.exists() or output.is_symlink():
        raise InvalidInputError(f"{shown(output)} exists, and is not overwritten. Choose another name.")
    if not output.absolute().parent.is_dir():
        raise InvalidInputError(f"Expected a folder at {shown(output.parent)}; there is none. Make it first.")


def _asked_images(read: "Callable[[str], Dataset]") -> "Dataset":
    return _asked("--images", "Images (a folder, a file, or a dataset such as digits)", read)


def _asked_models(read: "Callable[[str], Entry]") -> "list[Entry]":
    say("Models, one a line, such as timm:resnet18, torchvision:resnet50=random, resnet8=train; an empty line ends.")
    models = [_asked("--model", "Model", read)]
    while model := _asked("--model", "Model", lambda text: read(text) if text else None, default=""):
        models.append(model)
    return models


def _asked(option: str, question: str, read: "Callable[[str], T]", default: str | None = None) -> T:
    """Ask in a terminal, again if an answer is refused; elsewhere, refuse.

    Raises
    ------
    InvalidInputError
        Naming the option.
    """
    from stir.errors import InvalidInputError, StirError

    def answered(text: str) -> T:
        try:
            return read(text)
        except StirError as error:
            raise click.UsageError(printable(str(error))) from error

    if not _is_terminal():
        raise InvalidInputError(f"Expected {option}; got none, and this is no terminal to ask in. Name it.")
    answer: T = click.prompt(question, default=default, show_default=False, value_proc=answered, err=True)
    return answer


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _distinct(entries: "list[Entry]") -> "list[Entry]":
    """Return entries with names of their own."""
    from dataclasses import replace

    counts: dict[str, int] = {}
    named = []
    for entry in entries:
        counts[entry.name] = number = counts.get(entry.name, 0) + 1
        named.append(entry if number == 1 else replace(entry, name=f"{entry.name[:60]}-{number}"))
    return named


def _of_different_seeds(entries: "list[Entry]") -> "list[Entry]":
    """Return entries of which no two would be one model: a network that comes again is drawn or trained from the next seeds."""
    from dataclasses import replace

    drawn, found = Counter[tuple[str, str]](), []
    for entry in entries:
        keys = dict(entry.keys)
        for key in SEEDS.keys() & keys.keys():
            network = entry.model.removeprefix("stir:"), key
            keys[key] = SEEDS[key].format(drawn[network], drawn[network] * 2, drawn[network] * 2 + 1)
            drawn[network] += 1
        found.append(replace(entry, keys=keys))
    return found


def _write(output: Path, text: str) -> None:
    """Write a file that `stir check` accepts; nothing is left if it would not.

    Raises
    ------
    ExperimentError
        With what is to be corrected in the options.
    """
    from stir_workflow.planning.loading import load_by_schema
    from stir_workflow.planning.meaning import check_meaning
    from stir_workflow.store.storage import storing

    content = _encoded(text)
    with storing(output):
        with output.open("xb") as file:
            file.write(content)
        try:
            check_meaning(load_by_schema(output), output, sources=False)
        except BaseException:
            output.unlink()
            raise


def _encoded(text: str) -> bytes:
    from stir.errors import InvalidInputError
    from stir.names import shown

    try:
        return text.encode()
    except UnicodeEncodeError as error:
        wrong = text[: error.start].rpartition("\n")[2] + text[error.start :].partition("\n")[0]
        raise InvalidInputError(
            f"Expected paths that are text (UTF-8); got {shown(wrong.strip())}. Rename the folder or file."
        ) from error
