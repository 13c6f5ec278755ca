"""Augmentation: training examples made from photos, cut-outs and rooms."""
