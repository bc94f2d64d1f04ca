"""Artifacts on disk: keys, seals, HDF5 layout, verification, publication."""
