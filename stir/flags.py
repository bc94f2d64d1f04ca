"""Flags of scores and models, which docs/warnings.md explains; they are computed from tables, without torch."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stir.table_controls import GIVEN, P_HOLM

SEPARATOR = "; "
LEAST_CONVERGED = 0.8
"""Smallest converged fraction for which X' counts as IRIs. Our choice; the poster gives none."""
LEAST_APART = 0.5
"""Pairwise inversion error from which X' is as near to the representation of another image as to that of X. Our choice."""
MARGIN = 2.33
"""Standard errors above chance: an accuracy obtained by guessing exceeds this in 1 of 100 cases."""

LEAST_CEILING = 0.99
"""Smallest STIR of a reference model with itself for which the inversion error costs little. Our choice."""
LARGEST_P_VALUE = 0.05
"""Largest corrected p-value of a score that is above its null."""

OF_INVERSIONS = {
    "alike_before_inversion": "represented alike before anything was inverted",
    "no_better_than_null": "matched no better than by another image",
    "match_unknown": "without a correlation that could show a match",
    "no_nearer_than_another_image": "IRIs as near to another image as to their own",
    "few_converged": f"under {LEAST_CONVERGED:.0%} of the images within the tolerance",
    "not_all_converged": "some images not within the tolerance",
    "low_ceiling": f"STIR of the reference model with itself under {LEAST_CEILING}",
}
"""Flag -> meaning for the inversions of a reference model."""
NOT_ABOVE_NULL = "not_above_null"
OF_STIR = {**OF_INVERSIONS, NOT_ABOVE_NULL: "no higher than with shuffled images"}
"""Flag -> meaning, of flags that do not apply to plain similarity."""
OF_MODELS = {
    "at_chance": "accuracy not above chance",
    "not_robust": "trained to be robust, and is not",
    "no_robust_accuracy": "robust accuracy not above chance under any attack",
    "catastrophic_overfitting": "lost its robustness while it was trained",
    "flagged": "flagged in the table of models",
}
"""Flag -> meaning for a model; scores use the flag with the prefix ``reference_`` or ``target_``."""
NO_NUMBER = "no_number"
OF_PAIRS = (NO_NUMBER, NOT_ABOVE_NULL)
"""Flags of a target model given a reference model."""
NO_ROBUST_ACCURACY = "no_robust_accuracy"
SIDES = ("reference", "target")
MEANINGS = {
    NO_NUMBER: "no score",
    **OF_STIR,
    **{f"{side}_{word}": f"{side} model {said}" for word, said in OF_MODELS.items() for side in SIDES},
}
"""Flag in a table of scores -> meaning, in the order in which flags are listed."""


def of_inversions(rows: pd.DataFrame) -> pd.Series:
    """Return the flags of the inversions for rows of a score table."""
    return _joined(_of_inversions(rows), rows.index)


def of_scores(scores: pd.DataFrame, models: pd.DataFrame) -> pd.Series:
    """Return all flags of the rows of a score table.

    Parameters
    ----------
    scores : DataFrame
        With the columns of `stir.tables.SCORE_COLUMNS`.
    models : DataFrame
        From `stir.tables.model_table`.
    """
    words = {model: flag_words(flag) for model, flag in of_models(models).items()}
    conditions = {NO_NUMBER: _no_number(scores), **_of_inversions(scores), NOT_ABOVE_NULL: is_not_above_null(scores)}
    for side in SIDES:
        for word in OF_MODELS:
            conditions[f"{side}_{word}"] = scores[f"{side}_model"].isin([name for name, found in words.items() if word in found])
    return _joined(conditions, scores.index)


def is_not_above_null(rows: pd.DataFrame) -> pd.Series:
    """Return whether STIR of each row is no higher than with shuffled images; False where that is not known."""
    return rows[P_HOLM] > LARGEST_P_VALUE if P_HOLM in rows else pd.Series(False, rows.index)


def _of_inversions(rows: pd.DataFrame) -> dict[str, pd.Series]:
    correlation, null = rows["correlation_median"], rows["null_correlation_p99"]
    converged, inverted = rows["converged_fraction"], ~_given(rows)
    few = ~(converged >= LEAST_CONVERGED)
    found = {
        "alike_before_inversion": rows["seed_error_median"] <= rows["tolerance"],
        "no_better_than_null": correlation <= null,
        "match_unknown": correlation.isna() | null.isna(),
        "no_nearer_than_another_image": rows["pairwise_inversion_error_median"] >= LEAST_APART,
        "few_converged": few,
        "not_all_converged": ~few & (converged < 1),
        "low_ceiling": rows["stir_ceiling"] < LEAST_CEILING if "stir_ceiling" in rows else pd.Series(False, rows.index),
    }
    return {word: inverted & condition for word, condition in found.items()}


def _given(rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of perturbed images that were not made by inversion, which have no reference model."""
    return rows["inversion_method"] == GIVEN if "inversion_method" in rows else pd.Series(False, rows.index)


def _no_number(rows: pd.DataFrame) -> pd.Series:
    """Find scores that are no numbers; plain similarity takes a reference that is one model, whose layer has features."""
    several = rows["reference_features"].isna() if "reference_features" in rows else pd.Series(False, rows.index)
    return rows["stir"].isna() | (rows["similarity"].isna() & ~(_given(rows) | several))


def _joined(conditions: Mapping[str, pd.Series], index: pd.Index) -> pd.Series:
    found = pd.Series("", index=index, dtype=object)
    for word in (word for word in MEANINGS if word in conditions):
        found = found.where(~conditions[word], found + SEPARATOR + word)
    return found.str.removeprefix(SEPARATOR)


def read_flags(rows: pd.DataFrame) -> pd.Series:
    """Return the flags of rows of a score table; for a table without flags, only those of scores that are not numbers."""
    if "flags" in rows:
        return rows["flags"].astype(object).where(rows["flags"].notna(), "")
    return _joined({NO_NUMBER: _no_number(rows)}, rows.index)


def is_flagged(rows: pd.DataFrame, score: str, *, without: frozenset[str] = frozenset()) -> pd.Series:
    """Return whether ``stir`` or ``similarity`` of each row is flagged; plain similarity involves no inversion."""
    of_similarity = score == "similarity"
    ignored = without | {NO_NUMBER, *OF_STIR} if of_similarity else without
    flagged = read_flags(rows).map(lambda text: any(word not in ignored for word in text.split(SEPARATOR) if word))
    missing = rows[score].isna()
    return flagged.astype(bool) | (missing & ~_given(rows) if of_similarity else missing)


def flagged_models(rows: pd.DataFrame, *, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Return each flag of rows of a score table with its models, in the order of `MEANINGS`."""
    found: dict[str, dict[str, None]] = {}
    seen = rows[["reference_model", "target_model"]].assign(flags=read_flags(rows)).drop_duplicates()
    for reference, target, text in seen[seen["flags"] != ""].itertuples(index=False):
        for word in text.split(SEPARATOR):
            model = target if word.startswith("target_") else reference
            found.setdefault(word, {})[f"{target} given {reference}" if word in OF_PAIRS else model] = None
    order = [*MEANINGS, *(word for word in found if word not in MEANINGS)]
    return {word: list(found[word]) for word in order if word in found and word not in without}


def combined(rows: pd.DataFrame, *, without: frozenset[str] = frozenset()) -> str:
    """Return all flags of rows of a score table with their models: ``word (model, model); word (model)``."""
    named = flagged_models(rows, without=without)
    return SEPARATOR.join(f"{word} ({', '.join(models)})" for word, models in named.items())


def model_flag(evaluation: Mapping[str, Any], *, classes: int | None, objective: str | None) -> str:
    """Return why a model cannot be trusted according to one of its evaluations, or an empty text.

    Parameters
    ----------
    evaluation : mapping
        ``clean_accuracy``, ``robust_accuracy``, ``n_images``, and ``flag``: the evaluation's own verdict on
        the robustness that the model was trained for.
    classes : int, optional
        Number of classes of the model; without it, the level of chance is unknown.
    objective : str, optional
        Training objective of the model.
    """
    own = "" if objective == "vanilla" else evaluation.get("flag") or ""
    found = [own] if own else []
    if classes:
        chance, clean, robust = 1 / classes, evaluation["clean_accuracy"], evaluation["robust_accuracy"]
        guessing = f"guessing among {classes} classes gives {chance:.0%}"
        margin = MARGIN * (chance * (1 - chance) / evaluation["n_images"]) ** 0.5
        if not clean > chance + margin:
            found.append(f"at chance: clean accuracy is {clean:.0%}, and {guessing}")
        if not robust > chance and "not_robust" not in flag_words(own):
            found.append(f"no robust accuracy: {robust:.0%}, and {guessing}")
    return SEPARATOR.join(found)


def of_models(models: pd.DataFrame) -> dict[str, str]:
    """Return the flags that affect the scores of each model, from its rows in the table of models, each once.

    A model is flagged for lack of robust accuracy if it has none under any of its attacks, unless its
    objective is vanilla, which gives none.
    """
    found = {}
    for model, rows in models.groupby("model", sort=False):
        parts = [set(str(flag).split(SEPARATOR)) if pd.notna(flag) and flag else set() for flag in rows["flag"]]
        everywhere = all(flag_words(SEPARATOR.join(of_row)) & {NO_ROBUST_ACCURACY, "not_robust"} for of_row in parts)
        counts = everywhere and "vanilla" not in set(rows.get("objective", []))
        said = dict.fromkeys(part for flag in rows["flag"].dropna() for part in str(flag).split(SEPARATOR) if part)
        found[str(model)] = SEPARATOR.join(part for part in said if counts or NO_ROBUST_ACCURACY not in flag_words(part))
    return found


def flag_words(flag: str) -> set[str]:
    """Return the flags for the reasons given for a model: ``at_chance`` for ``at chance: clean accuracy is 10%``."""
    words = {part.split(":")[0].strip().replace(" ", "_") for part in flag.split(SEPARATOR) if part}
    return {word if word in OF_MODELS else "flagged" for word in words}
