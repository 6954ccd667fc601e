"""Versioned migrations of the database (Alembic); they travel inside the worker's image."""
