"""Reads, plays and writes clips, for live and offline use."""
