"""A large experiment: 100 models, 10 layers, 3 random seeds."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

LAYERS = ["stem", *(f"stage{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)), "penultimate"]
ATTACK = {"norm": "l2", "eps": 1.0, "steps": 7, "step_size": 0.36}
LINF = {"norm": "linf", "eps": 0.03, "steps": 7, "step_size": 0.01}
RECIPES = [
    {"name": "vanilla", "objective": "vanilla", "epochs": 100, "batch_size": 128},
    {"name": "no-decay", "objective": "vanilla", "epochs": 100, "batch_size": 128, "weight_decay": 0.0},
    {"name": "at-l2", "objective": "at", "epochs": 100, "batch_size": 128, "attack": ATTACK},
    {"name": "at-linf", "objective": "at", "epochs": 100, "batch_size": 128, "attack": LINF},
]


def scale_experiment(*, seeds_per_recipe: int = 25, n_layers: int = 10, n_random_seeds: int = 3) -> dict[str, Any]:
    """Return the content of the experiment file: four recipes with ``seeds_per_recipe`` models each.

    The graph of jobs does not depend on the dataset, so the digits are used.
    """
    models = [
        {
            "name": recipe["name"],
            "architecture": "resnet18",
            "width": 64,
            "training": recipe["name"],
            "training_seeds": list(range(seeds_per_recipe)),
        }
        for recipe in RECIPES
    ]
    return {
        "description": "Which of 100 models share invariances in 10 layers?",
        "dataset": {"name": "digits", "n_test": 1200},
        "images": {"n_images": 1000},
        "training": RECIPES,
        "models": models,
        "evaluation": ATTACK | {"steps": 20, "step_size": 0.125},
        "layers": LAYERS[-n_layers:],
        "inversion": {"random_seeds": list(range(n_random_seeds)), "tolerance": 0.1, "max_iterations": 300},
        "representations": {"basis": "joint"},
        "similarity_measures": ["linear_cka", "linear_cka_debiased"],
    }


def write_experiment(path: Path, **sizes: int) -> Path:
    """Write the experiment file; return its path."""
    YAML(typ="safe").dump(scale_experiment(**sizes), path)
    return path
