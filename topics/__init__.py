"""What the wire looks like: the topic catalogue and the bytes of every message. No side effects."""
