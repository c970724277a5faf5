"""Kills at random instants, one subject a module."""
