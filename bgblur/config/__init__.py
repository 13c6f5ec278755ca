"""Settings, their file, and what else is kept beside it."""
