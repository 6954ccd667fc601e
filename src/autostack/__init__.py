"""Auto-Stack: the toolkit around the application."""
