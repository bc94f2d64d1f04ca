"""The cache looked at and cleared: which artifacts there are, which experiment needs them, what may go."""
