"""Pictures: reading, orientation, resizing, colour conversion."""
