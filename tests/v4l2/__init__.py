"""The V4L2 bench: a small virtual machine with kernel cameras and v4l2loopback in it.

A package, unlike its sibling folders, because it has a conftest.py of its own.
"""
