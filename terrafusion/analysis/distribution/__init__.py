"""How prices are spread: quantiles, tiers, concentration."""
