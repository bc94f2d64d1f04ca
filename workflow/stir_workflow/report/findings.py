"""Sentences that are computed from tables: what an interval decides, and what it leaves undecided.

An interval decides a comparison if all of it is on one side. Plain similarity and noise have no interval of their own here:
STIR's is held against their means, which a note says.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from stir.differences import DIRECTION, WITHIN
from stir.flags import LARGEST_P_VALUE
from stir.table_controls import missing_for_few_images
from stir_workflow.report.content import HOLDS, NOTE, UNDECIDED, Cell, Finding, GroupCell, Model, Verdict
from stir_workflow.report.scores import number, text
from stir_workflow.statements.verdict import ALSO

MOST = 4
"""Sentences of one kind; of more, the rest is counted in one sentence."""
FEW_IMAGES = 100
"""Images below which a note says that they are few. Our choice."""


def findings_of(
    groups: Sequence[GroupCell], cells: Sequence[Cell], models: Sequence[Model], differences: pd.DataFrame | None, experiment: str
) -> list[Finding]:
    """Say what the scores of one layer, measure and dataset of images show.

    Parameters
    ----------
    groups, cells : sequences
        Of that layer, measure and dataset.
    models : sequence of Model
        Of the report.
    differences : DataFrame, optional
        Rows of the table ``-differences`` of that layer, measure and dataset.
    experiment : str
        NAME, of which tables are called.
    """
    summary = f"{experiment}-summary.csv"
    found = [Finding(*sentence, summary) for sentence in [*_within(groups), *_extremes(groups), *_against(groups)]]
    if differences is not None:
        found += [Finding(*sentence, f"{experiment}-differences.csv") for sentence in _differences(differences)]
    pairs = [cell for cell in cells if cell.reference_model != cell.target_model]
    found += [Finding(*sentence, f"{experiment}.csv") for sentence in _against_null(pairs)]
    notes = " ".join(_notes(groups, cells, models))
    return found + ([Finding(notes, NOTE)] if notes else [])


def findings_of_verdicts(verdicts: Sequence[Verdict], experiment: str) -> list[Finding]:
    """Say what the experiment's statements came to: of the parts that decide them."""
    deciding = [verdict for verdict in verdicts if not verdict.part.startswith(ALSO)]
    return [Finding(_verdict(each), each.verdict, f"{experiment}-verdicts.csv") for each in deciding]


def _verdict(verdict: Verdict) -> str:
    value = "an unknown value" if verdict.value is None else f"{verdict.value:.3f}"
    units = f"n = {verdict.n} {verdict.unit}" if verdict.n is not None else verdict.unit
    threshold = "" if verdict.threshold is None else f"; compared with {verdict.threshold:g}"
    why = f" Reason: {verdict.flag}." if verdict.flag else ""
    where = f"layer {verdict.layer}, {verdict.images_dataset}"
    return f"{verdict.claim} Found: {value} ({_interval(verdict.low, verdict.high)}; {units}{threshold}; {where}).{why}"


def _interval(low: float | None, high: float | None, over: str = "") -> str:
    if low is None or high is None:
        return "no interval"
    return f"95% interval {low:.3f} to {high:.3f}" + (f" over {over}" if over else "")


def side(low: float | None, high: float | None, value: float | None) -> str:
    """Return whether an interval is ``above`` or ``below`` a value; ``undecided`` if it contains it, or one is not known."""
    if low is None or high is None or value is None:
        return UNDECIDED
    return "above" if low > value else "below" if high < value else UNDECIDED


def _within(groups: Sequence[GroupCell]) -> Iterator[tuple[str, str]]:
    """Compare STIR between models of one group, which differ only in their training seed, with plain similarity."""
    own = [cell for cell in groups if cell.reference_group == cell.target_group and cell.stir is not None]
    ordered = sorted(own, key=lambda cell: -(cell.stir or 0))
    shown = ordered if len(own) <= MOST else [*ordered[: MOST // 2], *ordered[-MOST // 2 :]]
    for cell in shown:
        where = side(cell.stir_low, cell.stir_high, cell.similarity)
        compared = {"above": "STIR is higher than", "below": "STIR is lower than"}.get(
            where, "it is undecided whether STIR differs from"
        )
        plain = f"plain {cell.similarity_measure}" + ("" if cell.similarity is None else f", {cell.similarity:.3f}")
        sentence = f"Between models of {cell.reference_group}, {_stir(cell)}; {compared} {plain}."
        yield sentence, UNDECIDED if where == UNDECIDED else HOLDS
    if len(shown) < len(own):
        yield f"{len(own) - len(shown)} further groups lie between these.", NOTE


def _stir(cell: GroupCell) -> str:
    over = _interval(cell.stir_low, cell.stir_high, cell.interval_over)
    return f"STIR is {cell.stir:.3f} ({over}; n = {_plural(cell.n_model_pairs, 'ordered pair')} of models)"


def _extremes(groups: Sequence[GroupCell]) -> Iterator[tuple[str, str]]:
    """Name the pairs of different groups with the highest and the lowest STIR."""
    known = [cell for cell in groups if cell.reference_group != cell.target_group and cell.stir is not None]
    if len(known) > 1:
        high, low = (
            f"{cell.target_group} given {cell.reference_group}, where {_stir(cell)}"
            for cell in (max(known, key=_score), min(known, key=_score))
        )
        yield f"Between different groups, STIR is highest for {high}. It is lowest for {low}.", NOTE


def _score(cell: GroupCell) -> float:
    return cell.stir or 0.0


def _against(groups: Sequence[GroupCell]) -> Iterator[tuple[str, str]]:
    """Count on which side of plain similarity and of noise STIR is, over all pairs of groups."""
    sentences, decided = [], 0
    for name, values in (
        ("plain similarity", [cell.similarity for cell in groups]),
        ("noise of the same distance from X", [cell.stir_noise for cell in groups]),
    ):
        known = [(cell, value) for cell, value in zip(groups, values, strict=True) if value is not None]
        if known:
            count = Counter(side(cell.stir_low, cell.stir_high, value) for cell, value in known)
            decided += len(known) - count[UNDECIDED]
            sentences.append(
                f"Against {name}: of {_plural(len(known), 'pair')} of groups, STIR is higher in {count['above']}, lower in "
                f"{count['below']}, and undecided in {count[UNDECIDED]}."
            )
    excess = [cell.stir_excess for cell in groups if cell.stir_excess is not None]
    if excess:
        sentences.append(f"The excess over noise is {min(excess):.2f} to {max(excess):.2f} (0 is noise, 1 the ceiling).")
    if sentences:
        yield " ".join(sentences), NOTE if decided else UNDECIDED


def _against_null(pairs: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    p_values = [cell.stir_null_p_holm for cell in pairs if cell.stir_null_p_holm is not None]
    if p_values:
        above = sum(p <= LARGEST_P_VALUE for p in p_values)
        yield (
            f"{above} of {_plural(len(p_values), 'pair')} of different models have a STIR above that of shuffled images "
            f"(p at most {LARGEST_P_VALUE:g} after Holm's correction, in every inversion seed).",
            HOLDS if above == len(p_values) else NOTE,
        )


def _differences(differences: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """State the largest decided difference between groups' own STIR, and between two directions, and count the others."""
    if differences.empty:  # of one model there are none, and no columns either
        return
    for kind, say in ((WITHIN, _within_difference), (DIRECTION, _direction)):
        rows: list[dict[Any, Any]] = differences[differences["comparison"] == kind].to_dict("records")
        known = [row for row in rows if number(row["stir_difference"]) is not None]
        if known:
            first, *rest = sorted(known, key=lambda row: (_of(row) == UNDECIDED, -abs(row["stir_difference"])))
            undecided = sum(_of(row) == UNDECIDED for row in rest)
            what = "groups' own STIR" if kind == WITHIN else "two directions"
            others = f" Of {_plural(len(rest), 'other comparison')} of {what}, {undecided} are undecided." if rest else ""
            yield say(first) + others, UNDECIDED if _of(first) == UNDECIDED else HOLDS


def _of(row: dict[Any, Any]) -> str:
    return side(number(row["stir_difference_low"]), number(row["stir_difference_high"]), 0.0)


def _difference(row: dict[Any, Any]) -> str:
    sign = 1 if row["stir_difference"] >= 0 else -1
    low, high = (number(row[f"stir_difference_{end}"]) for end in ("low", "high"))
    if low is not None and high is not None and sign < 0:
        low, high = -high, -low
    return f"{abs(row['stir_difference']):.3f} ({_interval(low, high, text(row.get('interval_over')))})"


def _within_difference(row: dict[Any, Any]) -> str:
    first, second = row["first_reference_group"], row["second_reference_group"]
    higher, lower = (first, second) if row["stir_difference"] >= 0 else (second, first)
    if _of(row) == UNDECIDED:
        return (
            f"Whether STIR within {higher} differs from STIR within {lower} is undecided: the difference is {_difference(row)}."
        )
    return f"STIR within {higher} is higher than STIR within {lower}, by {_difference(row)}."


def _direction(row: dict[Any, Any]) -> str:
    first = (row["first_target_group"], row["first_reference_group"])
    high, low = (first, first[::-1]) if row["stir_difference"] >= 0 else (first[::-1], first)
    names = [f"STIR({target} | {reference})" for target, reference in (high, low)]
    if _of(row) == UNDECIDED:
        return f"Whether {names[0]} differs from {names[1]} is undecided: the difference is {_difference(row)}."
    return f"{names[0]} is higher than {names[1]}, by {_difference(row)}."


def _notes(groups: Sequence[GroupCell], cells: Sequence[Cell], models: Sequence[Model]) -> Iterator[str]:
    """Say what limits these findings."""
    n_images = min((cell.n_images for cell in cells if cell.n_images is not None), default=0)
    if missing := missing_for_few_images(n_images):
        yield missing
    elif n_images < FEW_IMAGES:
        yield f"{n_images} images are few: intervals over images are wide, and biased measures are high for any two models."
    if any(cell.stir_low is not None for cell in groups):
        yield (
            "Intervals are those of STIR; plain similarity and noise are means without intervals of their own. No interval is "
            "corrected for the number of comparisons."
        )
    if not any("training" in cell.interval_over for cell in groups):
        yield "No interval includes other trainings of these models: the findings are of these very networks."
    converged = {cell.reference_model: cell.converged_fraction for cell in cells if cell.converged_fraction is not None}
    if short := [name for name, fraction in converged.items() if fraction < 1]:
        least = min(converged, key=lambda name: converged[name])
        yield (
            f"Not all images converged for {len(short)} of {_plural(len(converged), 'reference model')}; fewest for {least}, "
            f"{converged[least]:.1%}."
        )
    if flagged := [model.name for model in models if model.flags]:
        yield f"{len(flagged)} of {_plural(len(models), 'model')} are flagged: {_some(flagged)}."


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {more} more" if more > 0 else "")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
