"""Sale validation: which sales are arm's length, and why not."""
