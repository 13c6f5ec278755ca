"""PipeWire through its own C library: cameras to read, and a camera of our own to offer.

GStreamer's ``pipewiresink`` would be less code. But with ``mode=provide`` that of PipeWire 0.3.65
(Debian 12) stops its feeder where nobody reads, and crashes at the first reader. The library is
what browsers and OBS Studio use; its ABI is the same from 0.3 to 1.x, and it is there wherever
PipeWire is.
"""
