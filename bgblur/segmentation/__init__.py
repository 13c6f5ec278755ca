"""Frame in, alpha out."""
