"""TerraFusion Market Analysis."""
