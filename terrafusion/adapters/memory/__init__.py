"""Fakes of the ports, for tests: the guards of the real ones, from the same table of transitions, without I/O."""
