"""What a past sale is worth at the valuation date, in its own area as far as its sales tell."""
