"""How many jobs of each rule there are to do."""

TINY = {
    "dataset": 1,
    "checkpoint": 4,
    "evaluation": 2,
    "inversion": 4,
    "representation": 2,
    "score": 2,
    "table": 1,
    "figure": 1,
    "report": 1,
    "publication": 1,
    "all": 1,
}
"""Jobs of the tiny experiment on an empty cache; its two architectures have an untrained network each."""

TINY_AFTER_PLAIN = {
    "checkpoint": 1,
    "evaluation": 1,
    "inversion": 2,
    "representation": 2,
    "score": 2,
    "table": 1,
    "figure": 1,
    "report": 1,
    "publication": 1,
}
"""Jobs after a change of the tiny experiment's model plain."""

LARGE = {
    "dataset": 1,
    "checkpoint": 101,
    "evaluation": 100,
    "inversion": 3000,
    "iri": 3000,
    "pair": 10_100,
    "representation": 100,
    "score": 100,
    "table": 1,
    "figure": 1,
    "report": 1,
    "publication": 1,
}
"""Jobs of 100 models of one architecture with 10 layers and 3 random seeds."""
