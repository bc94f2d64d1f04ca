"""Copy the quickstart's tables and figures into docs/, and its numbers into README.md and docs/quickstart.md.

``make readme`` after ``make run``. The blocks are rendered from docs/quickstart/ alone, and a test renders them again.
"""

import json
import shutil
from pathlib import Path

import pandas as pd

from scripts import blocks
from stir.flags import SEPARATOR

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "quickstart"
README, PAGE = ROOT / "README.md", ROOT / "docs" / "quickstart.md"
BEGIN, END = "<!-- quickstart: rendered by scripts/quickstart.py -->", "<!-- quickstart: end -->"
TABLES = ("quickstart.csv", "quickstart-summary.csv", "quickstart-models.csv")
FIGURES = ("quickstart-penultimate-linear_cka.png",)
PAPER = {("vanilla", "similarity"): "0.967", ("at", "similarity"): "0.937"}
PAPER |= {("vanilla", "stir"): "0.605, 0.562", ("at", "stir"): "0.934, 0.939"}
MARK = "\\*"
NAMES = {
    "similarity": "plain linear CKA",
    "stir": "STIR",
    "stir_noise": "noise of the same distance",
    "stir_excess": "excess over noise",
}


def keep_results() -> None:
    """Copy tables and figures, with their provenance."""
    KEPT.mkdir(exist_ok=True)
    for name in TABLES:
        shutil.copy(ROOT / "results" / "tables" / name, KEPT / name)
    for name in FIGURES:
        shutil.copy(ROOT / "results" / "figures" / name, KEPT / name)
    seals = [json.loads(path.read_text()) for path in (ROOT / "results" / "iris").rglob("*.h5.json")]
    made = {"device": sorted({seal["device"] for seal in seals}), "versions": seals[0]["versions"]}
    (KEPT / "provenance.json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def render() -> str:
    """Render the README's block: the paper's numbers and those of the quickstart by linear CKA."""
    summary = pd.read_csv(KEPT / "quickstart-summary.csv")
    chosen = summary[_own_group(summary) & (summary["similarity_measure"] == "linear_cka")].set_index("reference_group")
    lines = [
        "| networks that differ only in their training seed | paper (ResNet18, CIFAR-10) | resnet8, digits | vgg6, digits |",
        "|---|---|---|---|",
    ]
    for training in ("vanilla", "at"):
        for score, name in NAMES.items():
            cells = [_cell(chosen.loc[f"digits-{network}-{training}"], score) for network in ("resnet8", "vgg6")]
            lines.append(f"| {name}, {training} | {PAPER.get((training, score), '')} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", _footnote(chosen)])


def render_page() -> str:
    """Render the block of docs/quickstart.md: all measures, accuracies, and what the marks mean."""
    summary = pd.read_csv(KEPT / "quickstart-summary.csv")
    return "\n".join([*_measures(summary), *_flagged(summary[_own_group(summary)]), "", _accuracies()])


def _own_group(summary: pd.DataFrame) -> "pd.Series[bool]":
    return (summary["reference_group"] == summary["target_group"]) & (summary["reference_layer"] == "penultimate")


def _measures(summary: pd.DataFrame) -> list[str]:
    """Render plain similarity and STIR of the ResNets for every measure."""
    lines = [
        "| resnet8, penultimate layer, by | plain, vanilla | STIR, vanilla | plain, at | STIR, at |",
        "|---|---|---|---|---|",
    ]
    rows = summary[_own_group(summary)].set_index(["similarity_measure", "reference_group"])
    for measure in summary["similarity_measure"].unique():
        found = [rows.loc[(measure, f"digits-resnet8-{training}")] for training in ("vanilla", "at")]
        cells = [f"{_cell(row, 'similarity')} | {_cell(row, 'stir')}" for row in found]
        lines.append(f"| `{measure}` | {' | '.join(cells)} |")
    return lines


def _cell(row: pd.Series, score: str) -> str:
    if score != "stir":
        return f"{row[f'{score}_mean']:.3f}"
    mark = MARK if _flags(row) else ""
    return f"{row['stir_mean']:.3f}{mark} ± {row['stir_sd_training_seeds']:.3f} ± {row['stir_sd_inversion_seeds']:.3f}"


def _flags(row: pd.Series) -> str:
    """Return the flags of a row of the summary; older tables have none."""
    flags = row.get("flags", "")
    return flags if isinstance(flags, str) else ""


def _flagged(rows: pd.DataFrame) -> list[str]:
    """Explain the marks, naming the models; nothing is rendered if no score is marked."""
    found: dict[str, dict[str, None]] = {}
    for part in (part for _, row in rows.iterrows() for part in _flags(row).split(SEPARATOR) if part):
        word, _, models = part.removesuffix(")").partition(" (")
        found.setdefault(word, {}).update(dict.fromkeys(models.split(", ")))
    named = [f"{word} ({', '.join(models)})" for word, models in found.items()]
    meaning = "[warnings.md](warnings.md) explains the flags"
    return ["", f"{MARK} {'; '.join(named)}: {meaning}."] if found else []


def _footnote(chosen: pd.DataFrame) -> str:
    scores = pd.read_csv(KEPT / "quickstart.csv")
    made = json.loads((KEPT / "provenance.json").read_text())
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    first = chosen.iloc[0]
    return (
        f"Ours: mean over n = {first['n_model_pairs']} ordered pairs of models, ± sd over those pairs, ± sd over "
        f"{first['n_inversion_seeds']} inversion seeds; {scores['n_images'].iloc[0]} images, penultimate layer, "
        f"`{first['inversion_method']}` to inversion error {scores['tolerance'].iloc[0]:g}, at least "
        f"{chosen['converged_fraction_min'].min():.0%} of the images converged. "
        f"Device: {', '.join(made['device'])}; {versions}. Paper: both directions of STIR; "
        "its networks differ in their initial weights, ours also in the order of training images. "
        f"{MARK} flagged: [docs/quickstart.md](docs/quickstart.md) says why, and has the other measures."
    )


def _accuracies() -> str:
    models = pd.read_csv(KEPT / "quickstart-models.csv")
    by_objective = models.groupby("objective", sort=False)[["clean_accuracy", "robust_accuracy"]]
    parts = [
        f"{objective} {row['clean_accuracy']:.0%} clean, {row['robust_accuracy']:.0%} robust"
        for objective, row in by_objective.mean().iterrows()
    ]
    return f"Mean accuracies (n = {len(models)} models, PGD in L2, eps {models['attack_eps'].iloc[0]:g}): {'; '.join(parts)}."


def pages() -> dict[Path, str]:
    """Return page -> its text with the block replaced."""
    return {page: blocks.page_with(page, BEGIN, END, block) for page, block in ((README, render()), (PAGE, render_page()))}


if __name__ == "__main__":
    keep_results()
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
    print(render())
