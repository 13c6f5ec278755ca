"""Reading and writing clips, for live and offline use."""
