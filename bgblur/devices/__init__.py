"""Cameras and virtual cameras: V4L2, v4l2loopback, who uses them."""
