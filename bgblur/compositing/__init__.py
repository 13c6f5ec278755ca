"""Frame and alpha in, finished picture out."""
