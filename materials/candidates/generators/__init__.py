"""Generators: each a way to think of crystals that nobody has made yet."""
