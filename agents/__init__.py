"""Faust agents: bytes in, one use case, nothing else. Each file has `register`."""
