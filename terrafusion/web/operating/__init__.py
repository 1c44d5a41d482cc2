"""Pages for who keeps the system running: workers, lag, throughput, counties, pauses."""
