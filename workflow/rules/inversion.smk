"""Identically represented inputs, and their representations by all models."""


rule iri:
    """Invert one reference model, or an ensemble, at one layer from one random seed; or take perturbed images from a file."""
    input:
        unpack(needed("iri", "checkpoint", "checkpoints", "dataset")),
    output:
        iris="results/iris/{model}/{layer}.{how}.{random_seed}-{key}.h5",
        seal="results/iris/{model}/{layer}.{how}.{random_seed}-{key}.h5.json",
    log:
        "results/logs/iri/{model}/{layer}.{how}.{random_seed}-{key}.log",
    threads: threads_of("iri")
    resources:
        gpu=GPU,
        mem_mb=mem_mb("iri"),
        runtime=minutes("iri"),
    params:
        source=source("iri"),
        code=code("iri"),
        settings=settings("iri"),
    shell:
        "rm -f {log:q}; stir make iri --device {DEVICE} --checkpoint {input.checkpoint:q} --checkpoints {input.checkpoints:q}"
        " --dataset {input.dataset:q} --source {params.source:q} --code {params.code:q} --settings {params.settings:q} --output {output.iris:q} 2>&1 | tee {log:q}"


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
        code=code("representation"),
        settings=settings("representation"),
    shell:
        "rm -f {log:q}; stir make representation --device {DEVICE} --checkpoints {input.checkpoints:q} --dataset {input.dataset:q}"
        " --iris {input.iris:q} --code {params.code:q} --settings {params.settings:q} --output {output.index:q} 2>&1 | tee {log:q}"


rule iris:
    """Identically represented inputs of every model, layer and random seed."""
    input:
        PLAN.closure("iri"),


rule representations:
    """Representations of X and X' of every pair of models."""
    input:
        PLAN.closure("representation"),
