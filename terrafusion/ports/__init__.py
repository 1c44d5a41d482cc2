"""What the use cases need of the outside world. Adapters fulfil it, and fakes held to the same contract."""
