"""Records training pictures of the user."""
