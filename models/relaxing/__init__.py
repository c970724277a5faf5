"""Relaxing many crystals at once, through one call of a potential for all of them."""
