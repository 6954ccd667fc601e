"""What every Auto-Stack service does alike."""
