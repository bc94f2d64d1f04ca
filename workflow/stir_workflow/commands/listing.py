"""The commands ``stir models``, ``stir datasets`` and ``stir measures``: what names there are for experiment files."""

import json
from collections.abc import Mapping
from typing import Any

import click

from stir_workflow.messages import plain_errors

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
PATTERN = click.argument("pattern", default="")


@click.command()
@PATTERN
@JSON
def models(pattern: str, as_json: bool) -> None:
    """List addresses of models that libraries name, of those installed: all, or those that contain PATTERN.

    A PATTERN that begins with a library's prefix and a colon, such as timm:vit, lists that library's alone. Transformers
    lists types of models; its repositories, folders and classes are addresses, too, and so are callables, package.module:Net,
    and Python files, models.py:make_net.

    Example: stir models vit_tiny
    """
    from stir.errors import InvalidInputError
    from stir.models.addresses import check_listed, matching_addresses, near_addresses

    with plain_errors():
        check_listed(pattern)
        found = list(matching_addresses(pattern))
        if not found:
            near = near_addresses(pattern)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Try a shorter text."
            raise InvalidInputError(f"Expected a text that addresses of models contain; got {pattern!r}. {hint}")
    click.echo(json.dumps(found) if as_json else "\n".join(found))


@click.command()
@PATTERN
@JSON
def datasets(pattern: str, as_json: bool) -> None:
    """List the datasets that experiments can name: all, or those whose name contains PATTERN.

    Files that are not included in a package are looked for at the path that is shown last; docs/datasets.md says what they are
    called, and which are downloaded. `stir data FOLDER` looks at images of your own.

    Example: stir datasets cifar
    """
    import os

    from stir.data import DATASETS, dataset_source

    with plain_errors():
        rows = {
            name: {
                "images": facts.images,
                "classes": facts.classes,
                "image_shape": [facts.channels, facts.height, facts.width],
                "path": dataset_source({"name": name}, os.environ),
            }
            for name, facts in _matching("dataset", pattern, DATASETS).items()
        }
    _print(rows, as_json)


@click.command()
@PATTERN
@JSON
def measures(pattern: str, as_json: bool) -> None:
    """List the similarity measures (S_rep) that experiments can name: all, or those whose name contains PATTERN.

    For each: the fewest images that it takes, whether it takes more images than twice the features of a layer, whether the
    two representations can be exchanged, and whether features can be rotated, without another result.

    Example: stir measures cka
    """
    from stir.similarity import SIMILARITY_MEASURES

    with plain_errors():
        rows = {
            name: {
                "least_images": measure.least_n,
                "more_images_than_features": measure.of_full_rank,
                "symmetric": measure.symmetric,
                "rotation_invariant": measure.rotation_invariant,
            }
            for name, measure in _matching("similarity measure", pattern, SIMILARITY_MEASURES).items()
        }
    _print(rows, as_json)


def _matching(kind: str, pattern: str, known: Mapping[str, Any]) -> dict[str, Any]:
    from stir.errors import InvalidInputError, near_matches
    from stir.names import shortened

    found = {name: facts for name, facts in known.items() if pattern.lower() in name.lower()}
    if not found:
        raise InvalidInputError(f"Unknown {kind} {shortened(pattern)}. {near_matches(pattern, known)}")
    return found


def _print(rows: Mapping[str, Mapping[str, Any]], as_json: bool) -> None:
    from stir_workflow.commands.tables import aligned_table

    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    keys = list(next(iter(rows.values())))
    header = ["name", *(key.replace("_", " ") for key in keys)]
    click.echo("\n".join(aligned_table([header, *([name, *map(_cell, row.values())] for name, row in rows.items())])))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " x ".join(map(str, value)) if isinstance(value, list) else "included" if value is None else str(value)
