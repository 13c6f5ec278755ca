"""Speed, latency and memory."""
