"""The text of an experiment file that ``stir init`` writes."""

import json
from collections.abc import Sequence

from stir_workflow.commands.entries import Dataset, Entry

TRAINING = """# Recipes. A model of this project without weights is trained here, for 20 epochs from each of its training seeds.
# For an untrained network, write weights: random and random_seed: 0 in place of training and training_seeds.
training:
    # vanilla (cross-entropy on images), at, trades or mart.
  - name: vanilla
    objective: vanilla
    # Passes over the training images, of each training seed of a model.
    epochs: 20
    batch_size: 64
    # Peak of the one-cycle schedule.
    learning_rate: 0.1
"""
REST = """# Dotted names of layers; penultimate is the input of the last linear layer. `stir layers MODEL` lists them.
layers: [{layer}]

# How images X' are found that a model represents as it represents X.
inversion:
  method: lbfgs
  # One set of X' is made per seed.
  random_seeds: [0, 1]
  # Relative error at or under which an image has converged.
  tolerance: 0.1
  # Maximum number of forward and backward passes per image.
  max_iterations: 300
  # The run fails if fewer of the images of a model converge.
  minimum_converged_fraction: 0.8
  batch_size: 64

# How representations are compared; `stir measures` lists them.
similarity_measures: [linear_cka]

# CPU threads per job; jobs run in parallel.
compute: {{threads: 1}}
"""


def text_of(question: str, dataset: Dataset, entries: Sequence[Entry], layer: str, n_images: int, n_test: int) -> str:
    """Return an experiment file, with a comment for each key that a user may want to change."""
    trained = ["training" in entry.keys for entry in entries]
    lines = [
        "# Written by `stir init`; docs/experiments.md explains all keys. `stir check` says what a run would make.",
        "",
        "# The question of the experiment, in one sentence.",
        f"description: {json.dumps(question, ensure_ascii=False)}",
        "",
        "# Where the images come from.",
        *dataset.lines(n_test),
        "",
        "# The reference images X: the first of the test images.",
        f"images: {{n_images: {n_images}}}",
        "",
        *(TRAINING if any(trained) else "# Recipes of models that are trained here: none.\ntraining: []\n").splitlines(),
        "",
        "# Every model is reference and target in turn.",
        "models:",
        *(line for entry in entries for line in _entry_lines(entry)),
        "",
        "# Attack that robust accuracies are measured with; none measures no accuracies.",
        "evaluation: {norm: l2, eps: 0.5, steps: 10, step_size: 0.125}" if all(trained) else "evaluation: none",
        "",
        REST.format(layer=json.dumps(layer)),
    ]
    return "\n".join(lines)


def _entry_lines(entry: Entry) -> list[str]:
    keys = {"name": json.dumps(entry.name), "model": json.dumps(entry.model), **entry.keys}
    first, *others = (f"{key}: {value}" for key, value in keys.items())
    return [f"  - {first}", *(f"    {other}" for other in others)]
