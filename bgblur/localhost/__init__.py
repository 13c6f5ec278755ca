"""Guarded web servers for the user's own browser."""
