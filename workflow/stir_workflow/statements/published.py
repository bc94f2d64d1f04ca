"""The same predicates on what was published: `docs/poster/published/*.csv`."""

import pandas as pd

from stir.errors import check_known
from stir_workflow.statements.pairs import pairs_of
from stir_workflow.statements.registry import judge_pairs

PUBLISHED = ("random_init", "losses_architectures")
"""The statements of which numbers are known; of the others, only directions."""


def judge_published(name: str, published: pd.DataFrame) -> pd.DataFrame:
    """Judge a statement on its published numbers.

    Of ``random_init``, the standard deviations are taken as standard errors: the number of runs is not
    published. Of ``losses_architectures``, the interval is over architectures. Convergence is not published, so
    nothing is flagged for it.

    Parameters
    ----------
    name : str
        ``random_init`` or ``losses_architectures``.
    published : DataFrame
        The table of this name.

    Returns
    -------
    DataFrame
        As of `stir_workflow.statements.judge`.

    Raises
    ------
    InvalidInputError
        If nothing was published of this name.
    """
    check_known("published table", name, PUBLISHED)
    scores = {"random_init": _random_init, "losses_architectures": _losses_architectures}[name](published)
    common = {"reference_layer": "penultimate", "similarity_measure": "linear_cka", "images_dataset": "cifar10"}
    scores = scores.assign(**common, random_seed=0, converged_fraction=float("nan"))
    pairs = pairs_of(scores, _models(scores)).assign(inversion_flag="")
    return judge_pairs([name], pairs)


def _models(scores: pd.DataFrame) -> pd.DataFrame:
    """Read training and architecture out of names: ``at-resnet18``, ``at-resnet18-m1``."""
    names = list(scores["reference_model"].unique())
    parts = pd.DataFrame([name.split("-")[:2] for name in names], columns=["objective", "architecture"])
    unknown = {"training_dataset": "cifar10", "n_train": None, "width": None, "robust_accuracy": None, "flag": ""}
    return parts.assign(model=names, **unknown)


def _random_init(published: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each direction, m2|m1 with m1 as the reference; CKA has none."""
    rows = []
    for training, of_training in published.groupby("training", sort=False):
        plain = of_training[of_training["score"] == "linear_cka"].iloc[0]
        for direction in of_training[of_training["score"] == "stir"].to_dict("records"):
            target, reference = direction["direction"].split("|")
            models = {"reference_model": f"{training}-resnet18-{reference}", "target_model": f"{training}-resnet18-{target}"}
            spread = {"stir_sd": direction["std"], "similarity_sd": plain["std"]}
            rows.append({**models, "stir": direction["mean"], "similarity": plain["mean"], **spread})
    return pd.DataFrame(rows)


def _losses_architectures(published: pd.DataFrame) -> pd.DataFrame:
    pair = ["reference_model", "target_model"]
    table = published.pivot(index=pair, columns="score", values="value").reset_index()
    return table.rename(columns={"linear_cka": "similarity"})
