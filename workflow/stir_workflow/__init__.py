"""The pipeline: from an experiment file to tables and figures, with every stage cached."""
