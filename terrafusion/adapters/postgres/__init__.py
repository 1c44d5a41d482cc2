"""Postgres, the record."""
