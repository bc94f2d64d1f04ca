"""Identically represented inputs, and their representations by all models."""


rule inversion:
    """Invert one reference model, or an ensemble, at its layers and from its random seeds; or take perturbed images from a file."""
    input:
        unpack(needed("inversion", "checkpoint", "checkpoints", "dataset")),
    output:
        index="results/iris/{model}.{how}-{key}.json",
        seal="results/iris/{model}.{how}-{key}.json.json",
    log:
        "results/logs/inversion/{model}.{how}-{key}.log",
    threads: threads_of("inversion")
    resources:
        gpu=GPU,
        mem_mb=mem_mb("inversion"),
        runtime=minutes("inversion"),
    params:
        device=DEVICE,
        source=source("inversion"),
        code=code("inversion"),
        settings=settings("inversion"),
    shell:
        "rm -f {log:q}; stir make inversion --device {params.device:q} --checkpoint {input.checkpoint:q} --checkpoints {input.checkpoints:q}"
        " --dataset {input.dataset:q} --source {params.source:q} --code {params.code:q} --settings {params.settings:q}"
        " --output {output.index:q} 2>&1 | tee {log:q}"


rule representation:
    """Represent X and one reference model's IRIs by every target model, with one file per target model."""
    input:
        unpack(needed("representation", "checkpoints", "dataset", "iris")),
    output:
        index="results/representations/{model}.{how}-{key}.json",
        seal="results/representations/{model}.{how}-{key}.json.json",
    log:
        "results/logs/representation/{model}.{how}-{key}.log",
    threads: threads_of("representation")
    resources:
        gpu=GPU,
        mem_mb=mem_mb("representation"),
        runtime=minutes("representation"),
    params:
        device=DEVICE,
        iris=paths("representation", "iris"),
        code=code("representation"),
        settings=settings("representation"),
    shell:
        "rm -f {log:q}; stir make representation --device {params.device:q} --checkpoints {input.checkpoints:q} --dataset {input.dataset:q}"
        " --iris {params.iris:q} --code {params.code:q} --settings {params.settings:q} --output {output.index:q} 2>&1 | tee {log:q}"


rule iris:
    """Identically represented inputs of every model, layer and random seed."""
    input:
        PLAN.closure("inversion"),


rule representations:
    """Representations of X and X' of every pair of models."""
    input:
        PLAN.closure("representation"),
