"""The pipeline: from an experiment file to tables and figures, with all stages cached."""
