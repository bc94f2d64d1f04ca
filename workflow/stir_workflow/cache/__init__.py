"""List and prune the cache: its artifacts, the experiments that need them, and removable files."""
