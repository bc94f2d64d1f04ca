"""Modules under their published names, for scripts written for ``stir-invariance``; see `stir.STIR`."""
