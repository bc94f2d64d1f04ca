"""Stage evaluation: clean and robust accuracy of one model.

Needs: its checkpoint, the dataset.
Gives: results/evaluations/NAME-KEY.json.
"""

EVALUATION = "results/evaluations/{name}.json"


rule evaluation:
    """Clean and robust accuracy of one model."""
    input:
        made_from(EVALUATION),
    output:
        EVALUATION,
    log:
        "results/logs/evaluation/{name}.log",
    threads: threads_of(EVALUATION)
    resources:
        gpu=GPU,
    params:
        order=order(EVALUATION),
    shell:
        DO
