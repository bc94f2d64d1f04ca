"""Experiment file -> plan: which artifacts, under which keys, made from which."""
