"""Forms that ask for analyses, made from the catalogue."""
