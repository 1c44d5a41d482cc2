"""Measurements that print figures side by side; never tests. `make bench`."""
