"""From a frame to its alpha."""
