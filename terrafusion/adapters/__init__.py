"""The ports, fulfilled with real parts: Postgres, Kafka, an object store, child processes."""
