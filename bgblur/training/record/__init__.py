"""Recording one's own training pictures."""
