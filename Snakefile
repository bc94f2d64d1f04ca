"""To what degree does one neural network share another's invariances?

    dataset -> checkpoint -> iri -> representation -> score -> table -> figure, report -> publication

Run `snakemake --cores all` for the experiment quickstart, and
`snakemake --cores all --config experiment=NAME` (or a path) for another one. Several experiments, separated by
commas, share common files. Add `scale=full` to run them at that scale.
"""

from snakemake.utils import min_version

min_version("9.5")


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


FOLDER = workflow.current_basedir


rule all:
    """Tables, figures and reports of the experiments, and all files that they depend on."""
    input:
        PLAN.closure(),
        # Published files, if all are there, so that `snakemake --report` shows them under their names.
        lambda wildcards: [
            report(shown.path, FOLDER.join(shown.caption), **shown.how)
            for shown in RUN.reported()
        ],


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/inversion.smk"
include: "workflow/rules/results.smk"
