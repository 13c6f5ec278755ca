"""Pictures: reading, turning, resizing, colour conversion."""
