"""The chaos-agent service of Auto-Stack."""
