"""The built-in analyses: each file offers its entries of the catalogue as `ANALYSES`."""
