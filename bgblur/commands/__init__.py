"""The commands other than the daemon, by subject: thin functions, the work is done elsewhere."""
