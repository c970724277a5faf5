"""Galena's tests: a package, so that no other package called so is taken for it."""
