"""Postgres and Apache Kafka out of pip wheels, for the demo, for `terrafusion dev` and for the tests."""
