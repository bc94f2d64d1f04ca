"""To what degree does one neural network share another's invariances?

    dataset -> checkpoint -> iri -> representation -> score -> table -> figure -> publication

One rule a stage. Run `snakemake --cores all` for the experiment quickstart, and
`snakemake --cores all --config experiment=NAME` (or a path) for another; several with commas between
share what they have in common. `scale=full` beside it runs them at that scale of theirs.
"""


include: "workflow/rules/common.smk"


rule all:
    """Tables and figures of the experiments, and all that they are made from."""
    input:
        PLAN.closure("publication"),


include: "workflow/rules/targets.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/checkpoint.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/iri.smk"
include: "workflow/rules/representation.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/table.smk"
include: "workflow/rules/figure.smk"
include: "workflow/rules/publication.smk"
