"""Images and labels."""


# On the node where the run was started, since other nodes often have no internet access.
rule dataset:
    """Load a dataset, and split it into training and test images."""
    output:
        dataset="data/datasets/{dataset}-{key}.h5",
        seal="data/datasets/{dataset}-{key}.h5.json",
    log:
        "results/logs/dataset/{dataset}-{key}.log",
    localrule: True
    resources:
        mem_mb=mem_mb("dataset"),
        runtime=minutes("dataset"),
    params:
        source=source("dataset"),
        settings=settings("dataset"),
    shell:
        "rm -f {log:q}; stir make dataset --source {params.source:q} --settings {params.settings:q} --output {output.dataset:q}"
        " 2>&1 | tee {log:q}"


rule datasets:
    """All datasets."""
    input:
        PLAN.closure("dataset"),
