"""CUDA graphs, page-locked memory, a stream for each device, and kernels compiled at run time."""
