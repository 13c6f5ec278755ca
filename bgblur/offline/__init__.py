"""Recordings and photos: the stages of the daemon, with every frame kept."""
