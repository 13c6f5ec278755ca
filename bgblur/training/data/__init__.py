"""The data sets: what there is, held out, packed."""
