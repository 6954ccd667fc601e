"""The worker-node service of Auto-Stack."""
