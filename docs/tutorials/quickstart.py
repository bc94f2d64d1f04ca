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
# # First scores in five minutes
#
# Do adversarially trained networks share more of each other's invariances than ordinary ones? Here four small
# networks on handwritten digits answer this in less than a minute on a CPU. `pip install -e .` in a clone installs
# what this notebook needs ([start](../start.md)).

# %%
import warnings

import pandas as pd
import torch
from sklearn.datasets import load_digits

import stir
from stir.models import Architecture, build_model
from stir.training import Attack, TrainingRecipe, train

digits = load_digits()
images = torch.tensor(digits.images[:, None] / 16).float()  # (n, channels, height, width), in [0, 1]
labels = torch.tensor(digits.target)
training, test = slice(0, 1397), slice(1397, 1797)
x = images[test][:100]  # X: images that no network was trained on

# %% [markdown]
# ## Train four networks
#
# Two by cross-entropy (`vanilla`), and two adversarially (`at`). The networks of a kind differ in their random seed
# alone: in their initial weights and the order of training images. Any other `torch.nn.Module` would do as well.

# %%
sgd = {"batch_size": 128, "learning_rate": 0.2, "momentum": 0.9, "weight_decay": 5e-4}
attack = Attack(norm="l2", eps=1.0, steps=5, step_size=0.4)
recipes = {
    "vanilla": TrainingRecipe("vanilla", epochs=15, **sgd),
    "at": TrainingRecipe("at", epochs=10, attack=attack, **sgd),
}
models, accuracies = {}, {}
for name, recipe in recipes.items():
    for random_seed in (0, 1):
        model = build_model(Architecture("resnet8", width=8, channels=1, classes=10), random_seed=random_seed)
        generator = torch.Generator().manual_seed(random_seed)
        train(model, images[training], labels[training], recipe, generator=generator)
        models[f"{name}-{random_seed}"] = model
        correct = model(images[test]).argmax(dim=1) == labels[test]
        accuracies[f"{name}-{random_seed}"] = correct.float().mean().item()
pd.Series(accuracies, name="test accuracy").round(2)

# %% [markdown]
# ## Invert one of them
#
# `invert` finds pictures X' that a network represents as it represents X: *identically represented inputs* (IRIs). It
# starts from noise and descends until the relative distance of the representations, the inversion error, is at most
# `tolerance`. Images that do not get there are marked; here a warning about them is silenced, and their fraction
# is shown instead.

# %%
warnings.simplefilter("ignore", stir.errors.ConvergenceWarning)
inversions = {name: stir.invert(models[name], x, random_seed=0, tolerance=0.1) for name in ("vanilla-0", "at-0")}
for inversion in inversions.values():
    stir.plotting.show_iris(inversion, x, n=8)
pd.Series({name: inversion.converged_fraction for name, inversion in inversions.items()}, name="converged")

# %% [markdown]
# The number above an IRI is its inversion error. To `vanilla-0`, the pictures in the last row of the first figure are
# the digits above them; to us they are noise. IRIs of `at-0` look more like digits.
#
# ## One score
#
# STIR asks whether a second network takes X and X' for the same. In this call the first is inverted again, with the
# same result.

# %%
result = stir.shared_invariance(reference_model=models["vanilla-0"], target_model=models["vanilla-1"], images=x, tolerance=0.1)
result

# %% [markdown]
# `S_rep` is the similarity that one would report otherwise. The score is below it: the networks represent X alike,
# and do not agree on what is like X. [Reading scores](reading_scores.ipynb) explains the other lines.
#
# ## All pairs
#
# Each network is inverted once. Rows are references, columns are targets.

# %%
matrix = stir.shared_invariance_matrix(models, x, tolerance=0.1, images_dataset="digits")
axes = stir.plotting.plot_heatmap(matrix)
# %%
table = matrix.to_frame()
own_kind = table["reference_model"].str.split("-").str[0] == table["target_model"].str.split("-").str[0]
pairs = table[own_kind & (table["reference_model"] != table["target_model"])]
pairs[
    [
        "reference_model",
        "target_model",
        "similarity",
        "stir",
        "stir_low",
        "stir_high",
        "stir_noise",
        "stir_excess",
    ]
].round(2)

# %% [markdown]
# That is the answer for four networks: plain similarity is high in every pair, STIR is higher between adversarially
# trained networks, also in excess of noise. Two networks of a kind are few; the workflow trains more of them.
#
# ## The same as an experiment
#
# An experiment is a file, and `stir run quickstart` (or `make run`) runs the one that comes with the workflow: eight
# networks, two layers, six measures, two random seeds. Its tables have the columns that `to_frame` has:

# %%
kept = pd.read_csv("../quickstart/quickstart.csv")  # a copy of results/tables/quickstart.csv
len(kept), set(table.columns) <= set(kept.columns)

# %%
penultimate = kept.query("reference_layer == 'penultimate' and similarity_measure == 'linear_cka'")
resnets = penultimate["reference_model"].str.contains("resnet8") & penultimate["target_model"].str.contains("resnet8")
penultimate[resnets].pivot_table(index="reference_model", columns="target_model", values="stir").round(2)

# %% [markdown]
# ## Where to go from here
#
# - [Photographs, and networks of your own](photographs.ipynb)
# - [Read a table of scores](reading_scores.ipynb)
# - [Metamers, and pairs of your own](metamers.ipynb)
# - An experiment of your own: `stir init mine.yaml --images photographs/ --model resnet8`, then `stir check mine.yaml` and
#   `stir run mine.yaml` ([start](../start.md))
