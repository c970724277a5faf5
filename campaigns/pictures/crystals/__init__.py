"""Crystals in three dimensions: one page that works offline, and a view for notebooks."""
