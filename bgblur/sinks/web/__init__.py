"""The live preview page."""
