"""The commands ``stir cache``."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from stir.errors import StirError
from stir.progress import progress_bar
from stir_workflow.cache.copies import dvc_copies
from stir_workflow.cache.inventory import Entry, inventory
from stir_workflow.cache.listing import SORTS, records, size_text, table_text, totals_text
from stir_workflow.cache.needs import Needs, experiment_files, needs_of
from stir_workflow.cache.pruning import candidates, check_known, is_kept_by_dvc, no_run, remove

others = click.option(
    "--experiment",
    "others",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An experiment file outside workflow/experiments; may be repeated.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cache() -> None:
    """List artifacts, and remove those that no experiment needs."""


@cache.command(name="list")
@others
@click.option("--sort", type=click.Choice(list(SORTS)), default="size", show_default=True, help="Sort by size, age or name.")
@click.option("--unneeded", is_flag=True, help="Only artifacts that no experiment needs.")
@click.option("--json", "form", flag_value="json", help="For programs: JSON.")
@click.option("--csv", "form", flag_value="csv", help="For programs: CSV.")
def list_entries(others: tuple[Path, ...], sort: str, unneeded: bool, form: str | None) -> None:
    """List artifacts and leftovers: size, age, stage, and the experiments that need them."""
    needs = needs_of(experiment_files(others))
    entries = [entry for entry in inventory(needs.by_path) if not (unneeded and entry.needed_by)]
    entries.sort(key=SORTS[sort])
    for problem in needs.broken:
        click.echo(f"{problem}\nThe artifacts that this experiment needs are unknown and not marked below.", err=True)
    if form == "json":
        click.echo(records(entries).to_json(orient="records", indent=1))
    elif form == "csv":
        click.echo(records(entries).to_csv(index=False), nl=False)
    else:
        click.echo(f"{table_text(entries, now=time.time())}\n\n{totals_text(entries)}" if entries else "There is nothing.")


@cache.command()
@others
@click.option("--without-copy", is_flag=True, help="Also remove artifacts without a copy in DVC; they are lost.")
@click.option(
    "--leftovers", is_flag=True, help="Also remove quarantined, half-written and interrupted files that are not needed."
)
@click.option("--remote", help="A DVC remote whose copies count in addition to those in DVC's cache.")
@click.option("--dry-run", "-n", is_flag=True, help="Show the files that would be removed, without removing them.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def prune(others: tuple[Path, ...], without_copy: bool, leftovers: bool, remote: str | None, dry_run: bool, yes: bool) -> None:
    """Remove artifacts that no experiment needs and that DVC has a copy of, after asking."""
    with _plain_errors(), no_run():
        needs = needs_of(experiment_files(others))
        check_known(needs)
        entries, left = candidates(inventory(needs.by_path), leftovers=leftovers)
        going, staying = (entries, []) if without_copy or not entries else _with_copies(entries, remote)
        _show_left(left)
        _show(going, staying, needs)
        if not going or dry_run or not (yes or click.confirm("Remove them?")):
            return
        for entry in going:
            remove(entry)
        click.echo(f"Removed {len(going)} entries, {size_text(sum(entry.size for entry in going))}.")


def _with_copies(entries: Sequence[Entry], remote: str | None) -> tuple[list[Entry], list[Entry]]:
    """Split entries by whether DVC has copies, and show the time left. It never has copies of leftovers, which are removed."""
    asked = [entry for entry in entries if is_kept_by_dvc(entry)]
    going = [entry for entry in entries if not is_kept_by_dvc(entry)]
    staying: list[Entry] = []
    if not asked:
        return going, staying
    with dvc_copies(remote) as has_copy, progress_bar("asking DVC", len(asked), unit="entry", delay=3) as bar:
        for entry in asked:
            (going if all(map(has_copy, entry.files)) else staying).append(entry)
            bar.update()
    return going, staying


def _show_left(left: Sequence[tuple[Entry, str]]) -> None:
    by_reason: dict[str, list[Entry]] = {}
    for entry, reason in left:
        by_reason.setdefault(reason, []).append(entry)
    for reason, entries in by_reason.items():
        click.echo(
            f"No experiment needs these, but they are left (each for this reason: {reason}). Remove your own files by hand:"
        )
        click.echo(f"{table_text(entries, now=time.time())}\n")


def _show(going: Sequence[Entry], staying: Sequence[Entry], needs: Needs) -> None:
    now = time.time()
    if staying:
        size = size_text(sum(entry.size for entry in staying))
        click.echo(
            f"No experiment needs these, {size}, but DVC has no copy of them, so they are kept (--without-copy removes them):"
        )
        click.echo(f"{table_text(staying, now=now)}\n")
    if not going:
        click.echo("Nothing to remove.")
        return
    click.echo(f"No experiment needs these, {size_text(sum(entry.size for entry in going))}:\n{table_text(going, now=now)}")
    if unknown := sorted({entry.experiment for entry in going if entry.experiment} - needs.names):
        names = ", ".join(unknown)
        click.echo(f"\nAmong them are results of {names}, which has no file here. If it is elsewhere: --experiment FILE")


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except StirError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
