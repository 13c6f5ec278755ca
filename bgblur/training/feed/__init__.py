"""Batches for the training loop."""
