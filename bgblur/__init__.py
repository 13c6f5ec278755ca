"""bgblur: a virtual camera that blurs what is behind you."""

__version__ = "0.1.0"
