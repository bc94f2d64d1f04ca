"""Stage iri: identically represented inputs of one reference model, layer and random seed.

Needs: the reference model's checkpoint, the dataset.
Gives: results/iris/MODEL/LAYER.METHOD.SEEDIMAGES.RANDOMSEED-KEY.h5: X' with per-image errors.
"""

IRI = "results/iris/{name}.h5"


rule iri:
    """Identically represented inputs of one reference model, layer and random seed."""
    input:
        made_from(IRI),
    output:
        IRI,
    log:
        "results/logs/iri/{name}.log",
    threads: threads_of(IRI)
    resources:
        gpu=GPU,
    params:
        order=order(IRI),
    shell:
        DO
