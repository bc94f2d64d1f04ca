"""Stage dataset: images and labels, split into training and test.

Needs: nothing (the images ship with a package).
Gives: data/datasets/NAME-KEY.h5: train and test images as integers, labels.
"""

DATASET = "data/datasets/{name}.h5"


# Made on the node where the run was started: others often have no way to the internet.
localrules:
    dataset,


rule dataset:
    """Images and labels, split into training and test."""
    input:
        made_from(DATASET),
    output:
        DATASET,
    log:
        "results/logs/dataset/{name}.log",
    params:
        order=order(DATASET),
    shell:
        DO
