"""Counties' files become frames of a fixed schema, and a list of the rows that could not. Pure but for reading."""
