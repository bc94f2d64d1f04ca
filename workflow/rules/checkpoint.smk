"""Stage checkpoint: weights of one model, trained here or taken from a path or URL.

Needs: the dataset, for a model that is trained.
Gives: results/checkpoints/NAME-KEY.safetensors: weights; architecture and learning curve as metadata.
"""

CHECKPOINT = "results/checkpoints/{name}.safetensors"


rule checkpoint:
    """Weights of one model, trained here or taken from a path or URL."""
    input:
        made_from(CHECKPOINT),
    output:
        CHECKPOINT,
    log:
        "results/logs/checkpoint/{name}.log",
    threads: threads_of(CHECKPOINT)
    resources:
        gpu=GPU,
    params:
        order=order(CHECKPOINT),
    shell:
        DO
