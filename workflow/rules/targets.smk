"""Targets: everything up to a stage.

Each lists all that its artifacts are made from, not only the artifacts: a file that exists
does not make Snakemake look behind it.
"""


rule tables:
    """Tables of the experiment, in the folder of their key."""
    input:
        PLAN.closure("table"),


rule scores:
    """STIR and plain similarity of every pair of models."""
    input:
        PLAN.closure("score"),


rule representations:
    """Representations of X and X' under every pair of models."""
    input:
        PLAN.closure("representation"),


rule iris:
    """Identically represented inputs of every model, layer and random seed."""
    input:
        PLAN.closure("iri"),


rule evaluations:
    """Clean and robust accuracy of every model."""
    input:
        PLAN.closure("evaluation"),


rule checkpoints:
    """Weights of every model."""
    input:
        PLAN.closure("checkpoint"),


rule datasets:
    """Images and labels."""
    input:
        PLAN.closure("dataset"),
