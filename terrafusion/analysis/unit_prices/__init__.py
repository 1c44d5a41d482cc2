"""Prices per square foot by size band."""
