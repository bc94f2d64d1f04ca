"""Models and their accuracies."""


rule checkpoint:
    """Train one model, or take its weights from a path or URL."""
    input:
        unpack(needed("checkpoint", "dataset")),
    output:
        checkpoint="results/checkpoints/{model}-{key}.safetensors",
        seal="results/checkpoints/{model}-{key}.safetensors.json",
    log:
        "results/logs/checkpoint/{model}-{key}.log",
    threads: threads_of("checkpoint")
    resources:
        gpu=GPU,
        mem_mb=mem_mb("checkpoint"),
        runtime=minutes("checkpoint"),
    params:
        device=DEVICE,
        source=source("checkpoint"),
        code=code("checkpoint"),
        settings=settings("checkpoint"),
    shell:
        "rm -f {log:q}; stir make checkpoint --device {params.device:q} --dataset {input.dataset:q} --source {params.source:q}"
        " --code {params.code:q} --settings {params.settings:q} --output {output.checkpoint:q} 2>&1 | tee {log:q}"


rule evaluation:
    """Measure clean and robust accuracy of one model, by every attack."""
    input:
        unpack(needed("evaluation", "checkpoint", "dataset")),
    output:
        evaluation="results/evaluations/{model}-{key}.json",
        seal="results/evaluations/{model}-{key}.json.json",
    log:
        "results/logs/evaluation/{model}-{key}.log",
    threads: threads_of("evaluation")
    resources:
        gpu=GPU,
        mem_mb=mem_mb("evaluation"),
        runtime=minutes("evaluation"),
    params:
        device=DEVICE,
        code=code("evaluation"),
        settings=settings("evaluation"),
    shell:
        "rm -f {log:q}; stir make evaluation --device {params.device:q} --checkpoint {input.checkpoint:q} --dataset {input.dataset:q}"
        " --code {params.code:q} --settings {params.settings:q} --output {output.evaluation:q} 2>&1 | tee {log:q}"


rule checkpoints:
    """Weights of every model."""
    input:
        PLAN.closure("checkpoint"),


rule evaluations:
    """Accuracies of every model."""
    input:
        PLAN.closure("evaluation"),
