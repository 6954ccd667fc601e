"""The traffic-sender service of Auto-Stack."""
