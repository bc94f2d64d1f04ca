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
# # Metamers, and pairs of your own
#
# Metamers of a network are pictures that it represents alike although they differ. IRIs are metamers, and any layer
# has its own. Other pairs can take their place: corruptions, adversarial examples, or pictures that people judged
# alike. The question is the same: to what degree is a network invariant to *them*? This takes less than a minute on a
# CPU.

# %%
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits

import stir
from stir.models import Architecture, build_model
from stir.training import Attack, TrainingRecipe, pgd, train

digits = load_digits()
images, labels = torch.tensor(digits.images[:, None] / 16).float(), torch.tensor(digits.target)
recipe = TrainingRecipe("vanilla", epochs=15, batch_size=128, learning_rate=0.2, momentum=0.9, weight_decay=5e-4)


def trained(random_seed):
    model = build_model(Architecture("resnet8", width=8, channels=1, classes=10), random_seed=random_seed)
    train(model, images[:1397], labels[:1397], recipe, generator=torch.Generator().manual_seed(random_seed))
    return model


first, second = trained(0), trained(1)
x, y = images[1397:1457], labels[1397:1457]

# %% [markdown]
# ## Metamers of several layers
#
# One inversion per layer, all from the same seed images. An early layer keeps most of a picture; a late one forgets
# what the task does not need. A warning would say that a few images did not converge; the table below has their number.

# %%
warnings.simplefilter("ignore", stir.errors.ConvergenceWarning)
layers = ["stage1", "stage2", "stage3", "penultimate"]
metamers = {layer: stir.invert(first, x, layer=layer, random_seed=0, tolerance=0.12) for layer in layers}
for layer in ("stage1", "penultimate"):
    stir.plotting.show_iris(metamers[layer], x, n=8)

# %% [markdown]
# ## Are they metamers of the second network, too?
#
# `stir.invariance(model, X, X')` scores any pairs of pictures, one picture X' for every X, beside noise of the same
# distance. The layer of `second` is the one that was inverted in `first`:

# %%
rows = []
for layer, inversion in metamers.items():
    score = stir.invariance(second, x, inversion.iri_images, layer=layer)
    distance = (inversion.iri_images - x).flatten(1).norm(dim=1).median().item()
    rows.append([layer, inversion.converged_fraction, distance, score.score, score.noise, score.excess])
pd.DataFrame(rows, columns=["layer", "converged", "distance from X", "STIR", "noise", "excess"]).round(2)

# %% [markdown]
# Noise is as far from X as the metamers are, so a score above it says that the second network ignores these changes
# more than random ones. *Excess* is how much of the room between noise and 1 is filled. `converged` belongs beside
# every such number: an X' that has not converged is no metamer.
#
# ## Pairs of your own
#
# One perturbed picture per picture, in the same order, in [0, 1]. Perturbations should differ from image to image:
# linear CKA and other measures that are invariant to rotations cannot see one and the same shift of all images
# ([controls](../controls.md)).

# %%
generator = torch.Generator().manual_seed(0)
brightness = 0.6 + 0.8 * torch.rand(len(x), 1, 1, 1, generator=generator)
shifts = torch.randint(-1, 2, (len(x), 2), generator=generator).tolist()
shifted = [image.roll(shift, dims=(1, 2)) for image, shift in zip(x, shifts, strict=True)]
attack = Attack(norm="l2", eps=1.0, steps=20, step_size=0.125)
perturbed = {
    "brightness": (brightness * x).clamp(max=1),
    "shift by a pixel at most": torch.stack(shifted),
    "adversarial to first": pgd(first, x, y, attack),
    "metamers of first": metamers["penultimate"].iri_images,
}
rows = []
for name, pictures in perturbed.items():
    for model_name, model in {"first": first, "second": second}.items():
        score = stir.invariance(model, x, pictures)
        kept = (model(pictures).argmax(dim=1) == model(x).argmax(dim=1)).float().mean().item()
        rows.append([name, model_name, score.score, *score.interval, score.noise, score.excess, kept])
columns = ["perturbation", "network", "score", "low", "high", "noise", "excess", "same class"]
pd.DataFrame(rows, columns=columns).set_index(columns[:2]).round(2)

# %% [markdown]
# An excess near 0 says that a network does no better with the change than with noise of its size. A negative one says
# that a network is *more* sensitive to the change than to noise of its size. Adversarial examples are made to be that
# for `first`; the next row shows how far this holds for `second`. Metamers of `first` are the opposite: `first`
# ignores them by construction.
#
# Look at pairs before you believe a number:

# %%
from matplotlib import pyplot as plt

shown = {"X": x, **perturbed}
figure, grid = plt.subplots(len(shown), 8, figsize=(8, 5), layout="constrained")
for axes, (name, pictures) in zip(grid, shown.items(), strict=True):
    axes[0].set_title(name, loc="left", fontsize=8)
    for ax, picture in zip(axes, pictures, strict=False):
        ax.imshow(picture[0].numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()

# %% [markdown]
# ## Pairs in an experiment
#
# A reference of an experiment may be a file of perturbed images instead of a model; every network of the experiment
# is then measured with it. The file has one image per image of X: save them as numbers in [0, 1], and check what you
# saved.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "attacked.npy")
    np.save(path, perturbed["adversarial to first"].numpy())
    saved = np.load(path)
saved.shape, saved.dtype, bool((saved >= 0).all() and (saved <= 1).all())

# %% [markdown]
# ```yaml
# references:
#   - name: attacked
#     perturbed_images: attacked.npy   # relative to the experiment file
# ```
#
# [Experiments](../experiments.md) says which images X are, so that the order is the same.
