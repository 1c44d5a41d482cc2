"""How fast homes change hands, and for how much more."""
