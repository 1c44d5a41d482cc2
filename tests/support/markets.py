"""The markets of the benchmarks, for tests."""

from benchmarks.markets import Recipe, area_path, county, large, market, path, roll

__all__ = ["Recipe", "area_path", "county", "large", "market", "path", "roll"]
