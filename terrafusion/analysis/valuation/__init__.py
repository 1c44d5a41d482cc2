"""Values of parcels: comparables, what a learner adds to them, and how sure that is."""
