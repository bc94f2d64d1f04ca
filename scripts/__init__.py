"""Render documentation from results: ``python -m scripts.quickstart``, ``python -m scripts.poster``."""
