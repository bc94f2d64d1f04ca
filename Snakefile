"""To what degree does one neural network share another's invariances?

    dataset -> checkpoint -> iri -> representation -> score -> table -> figure -> publication

Run `snakemake --cores all` for the experiment quickstart, and
`snakemake --cores all --config experiment=NAME` (or a path) for another; several with commas between
share what they have in common. `scale=full` beside it runs them at that scale of theirs.
"""


include: "workflow/rules/common.smk"


rule all:
    """Tables and figures of the experiments, and everything that they are made from."""
    input:
        PLAN.closure(),


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/inversion.smk"
include: "workflow/rules/results.smk"
