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
# # Invert, score, print, plot, save, load
#
# Three small networks on the digits of scikit-learn: two that were trained from different initial weights, and
# one that was trained only briefly. All of it takes less than a minute on a CPU.

# %%
import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

import stir

digits = load_digits()
images = torch.tensor(digits.images[:, None] / 16).float()
labels = torch.tensor(digits.target)


def network(random_seed, *, epochs):
    torch.manual_seed(random_seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(epochs):
        for batch in torch.randperm(1000).split(100):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
    return model.eval()


models = {"trained A": network(0, epochs=10), "trained B": network(1, epochs=10), "brief": network(2, epochs=1)}
x = images[1000:1060]  # X: digits that no network was trained on

# %% [markdown]
# ## One network: which inputs can it not tell from X?
#
# `invert` finds X' with m1(X') = m1(X). The result prints itself, and a notebook shows the pictures, too.

# %%
inversion = stir.invert(models["trained A"], x, random_seed=0, tolerance=0.05)
inversion

# %%
inversion.to_frame().head()

# %%
axes = stir.plotting.show_iris(inversion, x, n=10)
# %% [markdown]
# ## Two networks: does the second share the invariances of the first?

# %%
result = stir.shared_invariance(reference_model=models["trained A"], target_model=models["trained B"], images=x, tolerance=0.05)
result

# %% [markdown]
# The score of each image, and the classes that both networks predict for it and for its IRI:

# %%
result.to_frame()[
    ["shared_invariance", "reference_class", "reference_class_of_iri", "target_class", "target_class_of_iri"]
].head()

# %% [markdown]
# ## All pairs of several networks
#
# Each network is inverted once. The diagonal is the ceiling: what each network shares with itself.

# %%
matrix = stir.shared_invariance_matrix(models, x, tolerance=0.1, images_dataset="digits")
print(matrix)

# %%
axes = stir.plotting.plot_heatmap(matrix)
# %% [markdown]
# Several layers and measures at once, drawn into axes of one's own:

# %%
from matplotlib import pyplot as plt

trained = {name: models[name] for name in ("trained A", "trained B")}
by_layer = stir.shared_invariance_matrix(
    trained, x, layer=["1", None], tolerance=0.1, similarity_measure=["linear_cka", "mutual_knn"]
)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
stir.plotting.plot_layers(by_layer, ax=left)
axes = stir.plotting.plot_heatmap(by_layer, similarity_measure="mutual_knn", names={"trained A": "A", "trained B": "B"}, ax=right)

# %% [markdown]
# `to_frame` has the columns of the workflow's tables, flags included.

# %%
matrix.to_frame()[["reference_model", "target_model", "reference_layer", "stir", "stir_low", "stir_high", "stir_noise", "flags"]]

# %% [markdown]
# ## Save and load
#
# Results are HDF5 files in the layout of the workflow's own, so `stir.load` also reads `results/iris/` and `results/scores/`.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = matrix.save(Path(folder, "matrix.h5"))
    print(f"{path.stat().st_size / 1e6:.1f} MB")
    print(stir.load(path) == matrix)
