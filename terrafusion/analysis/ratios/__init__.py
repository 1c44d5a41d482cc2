"""Ratio studies: the level, uniformity and fairness of assessments, as the IAAO measures them."""
