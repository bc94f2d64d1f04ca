"""What a run does around its jobs: folders that runs share, progress, GPUs of the node."""
