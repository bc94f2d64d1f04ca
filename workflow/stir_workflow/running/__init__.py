"""The run as a whole: shared folders, progress, GPUs of the node."""
