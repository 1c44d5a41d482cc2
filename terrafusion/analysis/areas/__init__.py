"""Which areas of a county behave alike, and how to join them into market areas."""
