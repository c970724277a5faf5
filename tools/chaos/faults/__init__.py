"""Faults, one idea a module; each puts its trials on the list of tools.chaos.record."""
