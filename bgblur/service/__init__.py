"""The systemd user unit."""
