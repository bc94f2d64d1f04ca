"""Scores, tables and figures."""


rule score:
    """Score one reference model against every target model: STIR, plain similarity and controls by every measure."""
    input:
        unpack(needed("score", "representation", "iris")),
    output:
        scores="results/scores/{model}.{how}-{key}.h5",
        seal="results/scores/{model}.{how}-{key}.h5.json",
    log:
        "results/logs/score/{model}.{how}-{key}.log",
    threads: threads_of("score")
    resources:
        mem_mb=mem_mb("score"),
        runtime=minutes("score"),
    params:
        iris=paths("score", "iris"),
        settings=settings("score"),
    shell:
        "rm -f {log:q}; stir make score --representation {input.representation:q} --iris {params.iris:q}"
        " --settings {params.settings:q} --output {output.scores:q} 2>&1 | tee {log:q}"


rule table:
    """Collect scores, summaries, differences, accuracies, verdicts and scores per image in a folder that is named after their key."""
    input:
        unpack(needed("table", "scores", "evaluations", "checkpoints", "datasets")),
    output:
        stamp="results/tables/{experiment}-{key}.stamp",
        seal="results/tables/{experiment}-{key}.stamp.json",
    log:
        "results/logs/table/{experiment}-{key}.log",
    resources:
        mem_mb=mem_mb("table"),
        runtime=minutes("table"),
    params:
        settings=settings("table"),
    shell:
        "rm -f {log:q}; stir make table --scores {input.scores:q} --evaluations {input.evaluations:q}"
        " --checkpoints {input.checkpoints:q} --datasets {input.datasets:q}"
        " --settings {params.settings:q} --output {output.stamp:q} 2>&1 | tee {log:q}"


rule figure:
    """Plot the tables, and pictures of the IRIs, in a folder that is named after their key."""
    input:
        unpack(needed("figure", "table", "iris", "datasets")),
    output:
        stamp="results/figures/{experiment}-{key}.stamp",
        seal="results/figures/{experiment}-{key}.stamp.json",
    log:
        "results/logs/figure/{experiment}-{key}.log",
    threads: 4
    resources:
        mem_mb=mem_mb("figure"),
        runtime=minutes("figure"),
    params:
        iris=paths("figure", "iris"),
        settings=settings("figure"),
    shell:
        "rm -f {log:q}; stir make figure --table {input.table:q} --iris {params.iris:q} --datasets {input.datasets:q}"
        " --processes {threads} --settings {params.settings:q} --output {output.stamp:q} 2>&1 | tee {log:q}"


rule report:
    """Render tables, pictures, training and provenance as one HTML page, in a folder that is named after their key."""
    input:
        unpack(
            needed(
                "report", "table", "iris", "representations", "checkpoints", "datasets"
            )
        ),
    output:
        stamp="results/report/{experiment}-{key}.stamp",
        seal="results/report/{experiment}-{key}.stamp.json",
    log:
        "results/logs/report/{experiment}-{key}.log",
    resources:
        mem_mb=mem_mb("report"),
        runtime=minutes("report"),
    params:
        iris=paths("report", "iris"),
        source=source("report"),
        settings=settings("report"),
    shell:
        "rm -f {log:q}; stir make report --table {input.table:q} --iris {params.iris:q} --representations {input.representations:q}"
        " --checkpoints {input.checkpoints:q} --datasets {input.datasets:q} --source {params.source:q}"
        " --settings {params.settings:q} --output {output.stamp:q} 2>&1 | tee {log:q}"


rule study:
    """Compare the tables of an experiment and of its variants, in a folder that is named after their key."""
    input:
        unpack(needed("study", "tables")),
    output:
        stamp="results/sensitivity/{experiment}-{key}.stamp",
        seal="results/sensitivity/{experiment}-{key}.stamp.json",
    log:
        "results/logs/study/{experiment}-{key}.log",
    resources:
        mem_mb=mem_mb("study"),
        runtime=minutes("study"),
    params:
        settings=settings("study"),
    shell:
        "rm -f {log:q}; stir make study --tables {input.tables:q} --settings {params.settings:q} --output {output.stamp:q}"
        " 2>&1 | tee {log:q}"


rule publication:
    """Copy tables, figures and report to names that stay the same when a setting changes."""
    input:
        unpack(needed("publication", "table", "figure", "report", "sensitivity")),
    output:
        stamp="results/publications/{experiment}-{key}.stamp",
        seal="results/publications/{experiment}-{key}.stamp.json",
    log:
        "results/logs/publication/{experiment}-{key}.log",
    resources:
        mem_mb=mem_mb("publication"),
        runtime=minutes("publication"),
    params:
        source=source("publication"),
        settings=settings("publication"),
    shell:
        "rm -f {log:q}; stir make publication --table {input.table:q} --figure {input.figure:q}"
        " --report {input.report:q} --sensitivity {input.sensitivity:q} --source {params.source:q} --settings {params.settings:q} --output {output.stamp:q} 2>&1 | tee {log:q}"


rule scores:
    """STIR and plain similarity of every pair of models."""
    input:
        PLAN.closure("score"),


rule tables:
    """Tables of the experiment, in the folder of their key."""
    input:
        PLAN.closure("table"),


rule sensitivity:
    """How far scores and the ranking of pairs move with the settings: add vary=all, or some of them, to --config."""
    input:
        lambda wildcards: RUN.studies(),
