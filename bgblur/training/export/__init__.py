"""From a trained network to the files that the daemon runs."""
