"""The data sets: reading, splitting and packing them."""
