"""Copy the results of the poster's six experiments into docs/poster/, and render docs/poster.md from there alone.

``python -m scripts.poster`` stores the files of results/ as scale ``small``, and ``python -m scripts.poster full FOLDER``
those of another folder of results as scale ``full``. A test renders the page again.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.poster_numbers import NONE, beside
from scripts.poster_results import FIGURES, keep
from stir.flags import combined
from stir.standard_errors import SEEDS
from stir.training import TrainingRecipe
from stir_workflow.statements import judge_published, overall
from stir_workflow.statements.names import SENTENCES

ROOT = Path(__file__).resolve().parent.parent

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "poster"
PAGE = ROOT / "docs" / "poster.md"
SCALES = ("small", "full")
OF_CHECKPOINTS = ("epochs", "schedule", "batch_size", "learning_rate")
OF_IRIS = ("n_images", "method", "max_iterations")
HEAD = """# The poster's six statements

This page is rendered by `python -m scripts.poster` from the files in [docs/poster](poster): tables of our experiments, and the
[published](poster/published) numbers (Nanda et al., ICML 2022, [arXiv 2206.11939](https://arxiv.org/abs/2206.11939)). Every
verdict is computed from a table by a predicate of `stir_workflow.statements`: **holds** if the whole 95% interval is on
the claimed side, **fails** if it is on the other side, and **undecided** otherwise or if a flag reports an unmet precondition.
A statement holds if all its parts hold, and fails if one fails; parts named `also_` were observed in the published table
but not claimed, and do not affect the verdict. Only pairs of different models are used.

The column "over" names the unit of the interval. *trainings*, *architectures*: a delete-one jackknife, since pairs share
models. *inversion seeds*: the measurement error for these particular networks, which implies **nothing about other trainings**.
*... and images*: the variance over images is added, with each image left out of all scores at once.
*published sd*: the published ±, taken as standard errors, since the number of runs is not known.
"""


def render() -> str:
    """Render the page."""
    sections = [_section(number, name) for number, name in enumerate(SENTENCES, start=1)]
    return "\n".join([HEAD, *_overview(), "", *_together(), *sections]).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield f"| | statement | poster's numbers | {' | '.join(f'ours, {scale}' for scale in SCALES)} |"
    yield "|---" * (3 + len(SCALES)) + "|"
    for number, (name, sentence) in enumerate(SENTENCES.items(), start=1):
        published = _published(name)
        theirs = "not published" if published is None else _overall(published)
        ours = [
            _overall(verdicts) if (verdicts := _table(scale, name, "-verdicts")) is not None else "not run" for scale in SCALES
        ]
        yield f"| {number} | [{sentence}](#{number}-{name}) | {theirs} | {' | '.join(ours)} |"


def _together() -> Iterator[str]:
    """Return the time of the experiments of a scale as text; jobs that several of them share are counted once."""
    for scale in SCALES:
        file = KEPT / scale / "together.json"
        if file.is_file():
            took = json.loads(file.read_text(encoding="utf-8"))
            stages = ", ".join(f"{stage} {n}: {took['seconds'][stage] / 60:.1f} min" for stage, n in took["jobs"].items())
            yield (
                f"Scale {scale}, {', '.join(took['experiments'])} together: {sum(took['jobs'].values())} jobs, whose own times"
                f" sum to {sum(took['seconds'].values()) / 60:.0f} min ({stages}); jobs run in parallel, one per core or GPU."
            )
            yield ""


def _section(number: int, name: str) -> str:
    lines = [f"## {number} {name}", "", f"> {SENTENCES[name]}", ""]
    published = _published(name)
    run = [scale for scale in SCALES if _table(scale, name, "-verdicts") is not None]
    if not run:
        lines += [f"Not run: there are no results of `{name}`.", ""]
        lines += [] if published is None else [*_verdicts(published.iloc[:0], published), "", *_numbers(None, name), ""]
    for scale in run:
        lines += [f"### {name}, scale {scale}", "", *_of_scale(scale, name, published), ""]
    return "\n".join(lines)


def _of_scale(scale: str, name: str, published: pd.DataFrame | None) -> Iterator[str]:
    verdicts = _table(scale, name, "-verdicts")
    assert verdicts is not None
    yield f"**{overall(verdicts)}**" + (f" (the poster's own numbers: {overall(published)})." if published is not None else ".")
    yield from ["", *_verdicts(verdicts, published), ""]
    yield from [*_numbers(scale, name), ""]
    for figure in FIGURES[name]:
        if (KEPT / scale / f"{name}-{figure}.png").is_file():
            yield from [f"![{name}, {figure}](poster/{scale}/{name}-{figure}.png)", ""]
    made = json.loads((KEPT / scale / f"{name}-provenance.json").read_text(encoding="utf-8"))
    yield from [*_settings(made), "", *_models(scale, name), "", *_inversions(scale, name), ""]
    if flagged := combined(_read(scale, name, "")):
        yield from [f"Flagged ([what flags mean](warnings.md)): {flagged}.", ""]
    yield _made(made)


def _verdicts(verdicts: pd.DataFrame, published: pd.DataFrame | None) -> Iterator[str]:
    """Render the parts of a statement as a table, published ones beside ours."""
    theirs = {} if published is None else {row["part"]: row for row in published.to_dict("records")}
    parts = set(verdicts["part"])
    yield "| part | layer | images | poster [95%] | ours | 95% interval | bound | over | poster | verdict | flag |"
    yield "|---" * 11 + "|"
    for row in verdicts.to_dict("records"):
        yield _row(row, theirs.get(row["part"]))
    for part, their in theirs.items():
        if part not in parts:
            yield _row(None, their)
    claims = {
        row["part"]: row["claim"] for table in (verdicts, published) if table is not None for row in table.to_dict("records")
    }
    yield ""
    yield from (f"- `{part}`: {claim}" for part, claim in claims.items())


def _row(our: dict[Any, Any] | None, their: dict[Any, Any] | None) -> str:
    known = our or their or {}
    cells = [f"`{known['part']}`", known["layer"], known["images_dataset"] if our else NONE]
    cells += [f"{_number(their['value'])} {_interval(their)}" if their else NONE]
    cells += [_number(our["value"]), _interval(our)] if our else [NONE, NONE]
    cells += [f"{known['threshold']:g}", f"{our['n']} {our['unit']}" if our else NONE]
    cells += [their["verdict"] if their else NONE, f"**{our['verdict']}**" if our else "not run", _flags(our) if our else ""]
    return f"| {' | '.join(map(str, cells))} |"


def _flags(our: dict[Any, Any]) -> str:
    """Return the reasons why a part is undecided, and the flags of its scores; older tables have no column ``flags``."""
    return "; ".join(text for text in (our["flag"], our.get("flags")) if isinstance(text, str) and text)


def _numbers(scale: str | None, name: str) -> Iterator[str]:
    """Render every published number beside ours."""
    file = KEPT / "published" / f"{name}.csv"
    if file.is_file():
        ours = [_table(scale, name, part) if scale else None for part in ("", "-models")]
        yield from beside(name, pd.read_csv(file), *ours)


def _settings(made: dict[str, Any]) -> Iterator[str]:
    """Render our settings beside the poster's, with differences in bold."""
    ours = _our_settings(made)
    yield "| setting | poster (likely: defaults of its code) | ours |"
    yield "|---|---|---|"
    for row in pd.read_csv(KEPT / "published" / "settings.csv").to_dict("records"):
        our = ours.get(row["setting"], NONE)
        yield f"| {row['setting']} | {row['value']} | {our if our == row['value'] else f'**{our}**'} |"


def _our_settings(made: dict[str, Any]) -> dict[str, str]:
    trained = [each for each in made["checkpoints"] if "training" in each]
    recipes = [each["training"] for each in trained]
    attacks = [recipe["attack"] for recipe in recipes if recipe.get("attack")]
    said: dict[str, Iterable[Any]] = {
        # A recipe leaves out defaults.
        name: [recipe.get(name, getattr(TrainingRecipe, name, None)) for recipe in recipes]
        for name in OF_CHECKPOINTS
    }
    said |= {"width": [each["architecture"].get("width") for each in trained]}
    said |= {"attack": [f"{a['norm']}, eps {a['eps']:g}, {a['steps']} step{'s' * (a['steps'] != 1)}" for a in attacks]}
    said |= {name: [each.get(name) for each in made["iris"]] for name in OF_IRIS}
    return {name: "; ".join(dict.fromkeys(_plain(v) for v in values if v is not None)) or NONE for name, values in said.items()}


def _models(scale: str, name: str) -> Iterator[str]:
    """List accuracies, with a column per attack, and flags."""
    models = _read(scale, name, "-models")
    attacks = (models["attack_norm"] + ", eps " + models["attack_eps"].map("{:g}".format)).rename("attack")
    robust = models.assign(attack=attacks).pivot_table(index="model", columns="attack", values="robust_accuracy", sort=False)
    first = models.drop_duplicates("model").set_index("model")
    flags = models.dropna(subset="flag").groupby("model")["flag"].agg(lambda found: "; ".join(found.unique()))
    yield f"| model | clean | {' | '.join(f'robust, {attack}' for attack in robust)} | n images | flag |"
    yield "|---" * (4 + len(robust.columns)) + "|"
    for model, row in first.iterrows():
        cells = [f"{row['clean_accuracy']:.1%}", *(f"{value:.1%}" for value in robust.loc[model])]
        yield f"| {model} | {' | '.join(cells)} | {row['n_images']} | {flags.get(model, '')} |"


def _inversions(scale: str, name: str) -> Iterator[str]:
    """Render the errors of inversions: the median over images, the largest 90th percentile, the smallest converged fraction."""
    scores, models = _read(scale, name, ""), _read(scale, name, "-models").drop_duplicates("model").set_index("model")
    scores = scores.assign(training=scores["reference_model"].map(models["objective"]))
    yield "| reference models | images | inversion error | 90th percentile | tolerance | converged | inversion seeds |"
    yield "|---" * 7 + "|"
    for (training, images), rows in scores.groupby(["training", "images_dataset"], sort=False):
        errors = rows["inversion_error_median"]
        cells = [f"{errors.median():.3f} ({errors.min():.3f} to {errors.max():.3f})", f"{rows['inversion_error_p90'].max():.3f}"]
        cells += [f"{rows['tolerance'].iloc[0]:g}", f"{rows['converged_fraction'].min():.0%}", str(rows["random_seed"].nunique())]
        yield f"| {training} | {rows['n_images'].iloc[0]} of {images} | {' | '.join(cells)} |"


def _made(made: dict[str, Any]) -> str:
    seconds = {stage: made["seconds"].get(stage, 0.0) for stage in ("checkpoint", "evaluation", "iri")}
    times = ", ".join(f"{stage} {made['jobs'].get(stage, 0)} jobs, {value / 60:.1f} min" for stage, value in seconds.items())
    devices = "; ".join(f"{stage}: {', '.join(kinds)}" for stage, kinds in made["devices"].items() if kinds)
    versions = ", ".join(f"{package} {version}" for package, version in made["versions"].items())
    code = made["code_version"]
    return f"Time of jobs, those shared with other experiments included: {times}. {devices}. {versions}, code {code}."


@cache
def _published(name: str) -> pd.DataFrame | None:
    file = KEPT / "published" / f"{name}.csv"
    return judge_published(name, pd.read_csv(file)) if file.is_file() else None


def _overall(verdicts: pd.DataFrame) -> str:
    seeds = bool(verdicts["unit"].str.startswith(SEEDS).any())
    return f"**{overall(verdicts)}**" + (" (of these networks)" if seeds else "")


def _table(scale: str, name: str, part: str) -> pd.DataFrame | None:
    file = KEPT / scale / f"{name}{part}.csv"
    return pd.read_csv(file) if file.is_file() else None


def _read(scale: str, name: str, part: str) -> pd.DataFrame:
    return pd.read_csv(KEPT / scale / f"{name}{part}.csv")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:.3f}" if pd.notna(value) else NONE


def _interval(row: dict[Any, Any]) -> str:
    return f"[{row['low']:.3f}, {row['high']:.3f}]" if pd.notna(row["low"]) else NONE


if __name__ == "__main__":
    scale, results = [*sys.argv[1:], *("small", str(ROOT / "results"))[len(sys.argv) - 1 :]]
    if scale not in SCALES:
        sys.exit(f"Expected a scale, one of {', '.join(SCALES)}; got {scale!r}.")
    print(f"Kept: {', '.join(keep(Path(results), KEPT / scale, scale)) or 'nothing new'}.")
    PAGE.write_text(render(), encoding="utf-8")
