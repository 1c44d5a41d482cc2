"""TerraFusion Market Analysis."""

DISTRIBUTION = "terrafusion-market-analysis"
"""The name under which it is installed, and its version known."""
