"""The next periods of a constant-quality index, and how wrong such forecasts were."""
