"""Cameras and virtual cameras: V4L2, v4l2loopback, and which programs use them."""
