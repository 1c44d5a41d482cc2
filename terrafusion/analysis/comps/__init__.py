"""Comparable sales: what the market pays for what a home has, and which sales show it."""
