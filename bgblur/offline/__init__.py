"""Recordings and photos: the same stages as the daemon, with every frame kept."""
