"""The commands beside the daemon itself, by subject."""
