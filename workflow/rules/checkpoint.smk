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
    benchmark:
        "results/benchmarks/checkpoint/{name}.tsv"
    threads: PLAN.threads
    resources:
        gpu=GPU,
    params:
        arguments=arguments(CHECKPOINT),
    shell:
        "{MAKE} {params.arguments} 2>&1 | tee {log}"
