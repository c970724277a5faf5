"""Screens: validity filters, duplicates, energy above the hull."""
