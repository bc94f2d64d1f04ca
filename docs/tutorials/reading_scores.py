# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read a table of scores
#
# A run writes `results/tables/NAME.csv`, with a row per pair of networks, layer, measure and random seed. The
# documentation keeps the table of the quickstart, and this notebook reads it in the order in which any score should
# be read. [How to read a score](../reading_scores.md) gives the reasons, [controls](../controls.md) the definitions.

# %%
import pandas as pd
from matplotlib import pyplot as plt

import stir

table = pd.read_csv("../quickstart/quickstart.csv")  # a copy of results/tables/quickstart.csv
scores = table.query("similarity_measure == 'linear_cka' and reference_layer == 'penultimate' and random_seed == 0")
len(table), len(scores), scores["reference_model"].nunique()

# %% [markdown]
# ## 1. Flags: can the row be trusted?
#
# A flag is a word for a reason to doubt. [warnings.md](../warnings.md) explains each, and what to do.

# %%
scores["flags"].fillna("none").value_counts()

# %% [markdown]
# `not_all_converged`: for some images of the reference the inversion error stayed above the tolerance. How many, and
# how far off? `stir_converged` is the score without them.

# %%
columns = ["converged_fraction", "tolerance", "inversion_error_median", "inversion_error_p90"]
scores.groupby("reference_model")[columns].first().round(3)

# %%
print(f"largest difference: {(scores['stir'] - scores['stir_converged']).abs().max():.3f}")

# %% [markdown]
# So few images are missing that no score changes by more than this.
#
# ## 2. The ceiling: what the inversion error costs
#
# The ceiling is what the reference shares with itself. It is below 1 only since X' is not exactly the same to it.

# %%
scores.groupby("reference_model")["stir_ceiling"].first().round(3)

# %% [markdown]
# ## 3. The floors: what chance and noise give
#
# From the weakest to the strongest: X' of the wrong images (`stir_null_p95`), the noise that inversions start from
# (`stir_seed_floor`), an untrained target (`stir_untrained`), and X plus noise that is as large as X' − X
# (`stir_noise`).

# %%
others = scores[scores["reference_model"] != scores["target_model"]]
floors = ["stir_null_p95", "stir_seed_floor", "stir_untrained", "stir_noise"]
others[[*floors, "stir"]].describe().loc[["min", "50%", "max"]].round(2)

# %% [markdown]
# `stir_null_p_holm` is the p-value against chance, corrected for all rows of the table. Rows over 0.05 are flagged
# `not_above_null`.

# %%
print(f"largest p: {others['stir_null_p_holm'].max():.1g}")

# %% [markdown]
# ## 4. The excess: what is left above noise
#
# `stir_excess` is (STIR − noise) / (ceiling − noise). Here are networks that differ only in their training seed:

# %%
pairs = others[others["reference_model"].str[:-2] == others["target_model"].str[:-2]]
columns = ["reference_model", "target_model", "similarity", "stir_low", "stir", "stir_high", "stir_noise", "stir_excess"]
pairs[columns].round(2)

# %% [markdown]
# Robust networks (`at`) tolerate noise as well, and this explains a part of their high scores. In excess of it they
# still share more. Plain similarity, which compares X with X, hardly tells the kinds apart.
#
# The same as a figure. An interval that contains the cross shows no more than robustness:

# %%
figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
places = range(len(pairs))
spread = [pairs["stir"] - pairs["stir_low"], pairs["stir_high"] - pairs["stir"]]
axes.errorbar(pairs["stir"], places, xerr=spread, fmt="o", label="STIR, 95% interval over images")
axes.plot(pairs["stir_noise"], places, "x", label="noise of the same distance")
axes.plot(pairs["similarity"], places, "|", markersize=12, label="plain similarity")
axes.set_yticks(places, pairs["target_model"] + " given " + pairs["reference_model"], fontsize=8)
axes.set_xlim(0, 1)
axes.set_xlabel("linear CKA")
legend = figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)

# %% [markdown]
# ## 5. Intervals: over what?
#
# `stir_low` and `stir_high` of a row only cover the choice of images. Other trainings give other scores, and so do
# other seed images. The summary, `NAME-summary.csv`, has a row per pair of groups, and says what its interval is
# over:

# %%
summary = pd.read_csv("../quickstart/quickstart-summary.csv")
groups = summary.query("similarity_measure == 'linear_cka' and reference_layer == 'penultimate'").sort_values("stir_mean")
columns = ["reference_group", "target_group", "n_model_pairs", "stir_low", "stir_mean", "stir_high", "interval_over"]
groups[columns].round(2)

# %% [markdown]
# Some intervals are wide: only two networks per kind were trained. A wide interval does not say that nothing is
# shared, but that this experiment cannot tell.
#
# ## 6. Directions, layers, measures
#
# STIR is directional: the reference is in rows, the target in columns.

# %%
axes = stir.plotting.plot_heatmap("../quickstart/quickstart.csv", layer="penultimate", similarity_measure="linear_cka")

# %% [markdown]
# Robust networks share less of the invariances of vanilla ones than vanilla networks do of those of robust ones.
# Scores by different measures are on different scales, each with floors and a ceiling of its own. Compare measures by
# the order in which they put the pairs:

# %%
rows = table.query("reference_layer == 'penultimate' and random_seed == 0 and reference_model != target_model")
by_measure = rows.pivot_table(index=["reference_model", "target_model"], columns="similarity_measure", values="stir")
by_measure.corr(method="spearman").round(2)

# %% [markdown]
# ## In a report
#
# `stir show quickstart` prints scores and heatmap in the terminal. `results/report/quickstart.html` has all of this
# on one page ([report](../report.md)), and a paper should state what [reproducibility](../reproducibility.md) lists.
