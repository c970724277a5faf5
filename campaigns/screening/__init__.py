"""Predictions for many crystals at once."""
