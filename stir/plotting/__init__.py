"""Table -> figure; nothing is recomputed."""
