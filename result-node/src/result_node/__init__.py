"""The result-node service of Auto-Stack."""
