"""The capture, segment and composite threads, what they share, and what may be shown."""
