"""From a frame and its alpha to the finished picture: C = aF + (1 - a)B."""
