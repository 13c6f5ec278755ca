"""Web servers on 127.0.0.1 that only the user's own browser may use."""
