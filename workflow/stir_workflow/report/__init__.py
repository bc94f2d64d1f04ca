"""The report: one HTML page about an experiment, gathered from its artifacts or from kept tables."""
