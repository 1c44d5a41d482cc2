"""Background services: each one loop with one task."""
