"""Tables of every published number beside ours."""

from collections.abc import Iterator

import pandas as pd

MEASURE = "linear_cka"
NONE = "–"
SCORES = {"stir": "STIR", "linear_cka": "linear CKA"}


def beside(name: str, published: pd.DataFrame, scores: pd.DataFrame | None, models: pd.DataFrame | None) -> Iterator[str]:
    """Render the published numbers of a statement, and ours for the last layer if there are any.

    Parameters
    ----------
    name : str
        ``random_init`` or ``losses_architectures``.
    published : DataFrame
        The table of this name.
    scores, models : DataFrame, optional
        Tables of our experiment.
    """
    ours = None
    if scores is not None and models is not None:
        scores = scores[scores["similarity_measure"] == MEASURE]
        layer = scores["reference_layer"].iloc[-1]
        ours = _with_models(scores[scores["reference_layer"] == layer], models)
    yield from {"random_init": _random_init, "losses_architectures": _losses_architectures}[name](published, ours)


def _with_models(scores: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    known = models.drop_duplicates("model").set_index("model")
    order = {model: number for number, model in enumerate(known.index)}
    for side in ("reference", "target"):
        for column in ("objective", "architecture"):
            scores = scores.assign(**{f"{side}_{column}": scores[f"{side}_model"].map(known[column])})
        scores = scores.assign(**{f"{side}_order": scores[f"{side}_model"].map(order)})
    return scores[scores["reference_model"] != scores["target_model"]]


def _random_init(published: pd.DataFrame, ours: pd.DataFrame | None) -> Iterator[str]:
    yield "| pairs | score | poster ± sd | ours ± sd over pairs and inversion seeds |"
    yield "|---|---|---|---|"
    for row in published.fillna({"direction": ""}).to_dict("records"):
        found = NONE if ours is None else _of_direction(ours, row["training"], row["direction"])
        score = f"STIR({row['direction'].replace('|', ' given ')})" if row["direction"] else SCORES[row["score"]]
        yield f"| {row['training']} | {score} | {row['mean']:.3f} ± {row['std']:.3f} | {found} |"


def _of_direction(ours: pd.DataFrame, training: str, direction: str) -> str:
    """Return mean and sd; m1 of a pair is the model that comes first."""
    rows = ours[(ours["reference_objective"] == training) & (ours["target_objective"] == training)]
    rows = rows[rows["reference_architecture"] == rows["target_architecture"]]
    m1_is_reference = rows["reference_order"] < rows["target_order"]
    values = rows["similarity"][m1_is_reference]
    if direction:
        values = rows["stir"][m1_is_reference if direction == "m2|m1" else ~m1_is_reference]
    return f"{values.mean(skipna=False):.3f} ± {values.std():.3f}" if len(values) > 1 else NONE


def _losses_architectures(published: pd.DataFrame, ours: pd.DataFrame | None) -> Iterator[str]:
    names = list(published["reference_model"].unique())
    for score, said in SCORES.items():
        table = published[published["score"] == score].pivot(index="reference_model", columns="target_model", values="value")
        found = None if ours is None else _matrix(ours, "stir" if score == "stir" else "similarity")
        yield f"{said}, reference in rows, target in columns: poster / ours."
        yield ""
        yield f"| | {' | '.join(names)} |"
        yield "|---" * (len(names) + 1) + "|"
        for reference in names:
            cells = [f"{table.loc[reference, target]:.2f} / {_cell(found, reference, target)}" for target in names]
            yield f"| {reference} | {' | '.join(cells)} |"
        yield ""


def _matrix(ours: pd.DataFrame, score: str) -> "pd.Series[float]":
    sides = [ours[f"{side}_objective"] + "-" + ours[f"{side}_architecture"] for side in ("reference", "target")]
    return ours[score].groupby(sides).agg(lambda values: values.mean(skipna=False))


def _cell(found: "pd.Series[float] | None", reference: str, target: str) -> str:
    if found is None or (reference, target) not in found.index:
        return NONE
    return f"{found[reference, target]:.2f}"
