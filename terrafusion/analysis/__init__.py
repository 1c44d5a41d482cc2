"""The analyses: pure functions from a county's records to an answer. No I/O, no clock, no settings."""
